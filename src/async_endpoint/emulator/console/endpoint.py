"""The page of one endpoint: charts, queue, instances, alarms, activities, and documents beside their answers."""

import json
from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

from async_endpoint.emulator.api.region_services import RegionServices
from async_endpoint.emulator.console.charts import backlog_chart, instances_chart
from async_endpoint.emulator.console.durations import duration
from async_endpoint.emulator.console.markup import Html, Part, badge, fill, joined, laid_out, moment, table
from async_endpoint.emulator.console.overview import WAITING_SHOWN, Json
from async_endpoint.emulator.console.pictures import Pictures
from async_endpoint.emulator.hosting.history import ANSWER_BYTES_KEPT, DOCUMENTS_KEPT, HOURS_KEPT
from async_endpoint.emulator.local_routes import PREFIX

_SPANS = {"30": "30 min", "120": "2 h", str(HOURS_KEPT * 60): f"{HOURS_KEPT} h"}  # by minutes
_USUAL_SPAN = "120"
_DOCUMENTS_SHOWN = 10
_ACTIVITIES_SHOWN = 5
_NOTHING = "-"

Query = Mapping[str, str]


def endpoint_page(region: RegionServices, endpoint: Json, query: Query, pictures: Pictures) -> Html:
    """What is between the page's head and its end, of one endpoint of `overview`."""
    now = region.clock.now()
    cards = [
        _charts(region, endpoint, query, now),
        fill('<div class="pair">$cards</div>', cards=joined([_instances(endpoint, now), _activities(endpoint, now)])),
        _queue(endpoint, now),
        _alarms(endpoint, now),
        _documents(region, endpoint, query, pictures),
    ]
    return joined([_head(endpoint, now), _tiles(endpoint), *cards])


def _head(endpoint: Json, now: float) -> Html:
    head = fill(
        '<h1>$name $status</h1><p class="facts">$config · variant $variant · created $created</p>',
        name=endpoint["name"],
        status=badge(endpoint["status"]),
        config=endpoint["config"] or _NOTHING,
        variant=endpoint["variant"] or _NOTHING,
        created=moment(endpoint["created_at"], now),
    )
    if endpoint["failure_reason"] is None:
        return head
    return joined([head, fill('<p class="failure">$reason</p>', reason=endpoint["failure_reason"])])


def _tiles(endpoint: Json) -> Html:
    backlog, bounds = endpoint["backlog"], endpoint["scaling"]
    oldest = backlog["oldest_seconds"]
    tiles = {
        "waiting": f"{backlog['waiting']:,}",
        "in flight": f"{backlog['in_flight']:,}",
        "oldest waits": _NOTHING if oldest is None else duration(oldest),
        "in service": endpoint["running"],
        "desired" if bounds is None else f"desired ({bounds['min']} to {bounds['max']})": endpoint["desired"],
    }
    shown = joined(
        fill("<div><dt>$name</dt><dd>$value</dd></div>", name=name, value=value) for name, value in tiles.items()
    )
    return fill('<dl class="tiles">$tiles</dl>', tiles=shown)


def _charts(region: RegionServices, endpoint: Json, query: Query, now: float) -> Html:
    span = query.get("span", "")
    minutes = int(span if span in _SPANS else _USUAL_SPAN)
    start = max(endpoint["created_at"], now - minutes * 60)
    points = region.history.series(endpoint["name"], since=start)
    choice = joined(
        fill("<li>$item</li>", item=text if each == str(minutes) else _link(query, text, span=each))
        for each, text in _SPANS.items()
    )
    return fill(
        '<section class="card"><div class="over"><h2>Backlog, the most of each minute</h2>'
        '<ul class="legend"><li class="waiting">waiting</li><li class="in-flight">in flight</li></ul></div>$backlog'
        '</section><section class="card"><div class="over"><h2>Instances</h2><ul class="legend">'
        '<li class="running">in service</li><li class="desired">desired</li></ul></div>$instances'
        '<ul class="choice" aria-label="Time shown"><li>AWS&#39;s clock, UTC; shown:</li>$choice</ul>'
        "</section>",
        backlog=backlog_chart(points, start, now),
        instances=instances_chart(points, start, now),
        choice=choice,
    )


def _queue(endpoint: Json, now: float) -> Html:
    backlog = endpoint["backlog"]
    waiting, first = backlog["waiting"], backlog["first"]
    shown = f"the first {WAITING_SHOWN} of {waiting:,} waiting" if waiting > len(first) else f"{waiting:,} waiting"
    rows = [
        (
            _place(item["inference_id"]),
            _place(item["input_location"] or "in the request"),
            duration(max(0.0, now - item["received_at"])),
            duration(max(0.0, item["expires_at"] - now)),
        )
        for item in first
    ]
    heads = ("inference id", "document", "waits", "expires in")
    return _card(table(f"Queue: {shown}", heads, rows, nothing="Nothing waits."), "queue")


def _instances(endpoint: Json, now: float) -> Html:
    states = {"InService": "in service", "Starting": "starting"}
    rows: list[list[Part]] = [
        [
            fill('<span class="mono">$id</span>', id=item["id"]),
            fill('<span class="badge $kind">$word</span>', kind=item["state"].lower(), word=states[item["state"]]),
            moment(item["since"], now),
            item["requests"],
        ]
        for item in endpoint["instances"]
    ]
    leaving = endpoint["leaving"]
    rest = fill('<p class="quiet">$n on their way out</p>', n=leaving) if leaving else Html("")
    rows_shown = table("Instances", ("instance", "state", "since", "requests"), rows, nothing="None: it sleeps.")
    return _card(joined([rows_shown, rest]))


def _alarms(endpoint: Json, now: float) -> Html:
    rows = [
        (_place(alarm["name"]), badge(alarm["state"]), moment(alarm["since"], now), _user(alarm["reason"]))
        for alarm in endpoint["alarms"]
    ]
    heads = ("alarm", "state", "since", "reason")
    return _card(table("Alarms on its metrics", heads, rows, nothing="No alarm watches it."), "alarms")


def _activities(endpoint: Json, now: float) -> Html:
    rows = [
        (
            moment(activity["started_at"], now),
            joined([badge(activity["status"]), " ", _user(_result(activity))]),
            _user(activity["cause"]),
        )
        for activity in endpoint["activities"][:_ACTIVITIES_SHOWN]
    ]
    return _card(table("Last scaling activities", ("began", "what", "cause"), rows, nothing="Nothing was scaled."))


def _result(activity: Json) -> str:
    """What was done; of what did not succeed, why."""
    text: str = activity["description"] if activity["status"] == "Successful" else activity["message"]
    return text


def _documents(region: RegionServices, endpoint: Json, query: Query, pictures: Pictures) -> Html:
    kept = endpoint["documents"]
    every = query.get("documents") == "all"
    shown = kept if every else kept[:_DOCUMENTS_SHOWN]
    caption = f"Last documents: {len(shown)} of the {len(kept)} kept" if kept else "Last documents"
    rows = list(_document_rows(region, shown, pictures))
    more = ""
    if len(kept) > _DOCUMENTS_SHOWN:
        text = f"the last {_DOCUMENTS_SHOWN} only" if every else f"all that are kept (up to {DOCUMENTS_KEPT})"
        more = fill("<p>Show $link.</p>", link=_link(query, text, documents="" if every else "all"))
    documents = table(caption, ("document", "answer", "outcome"), rows, nothing="None has ended yet.")
    return _card(joined([documents, more]), "documents")


def _document_rows(region: RegionServices, shown: Iterable[Json], pictures: Pictures) -> Iterable[list[Part]]:
    now = region.clock.now()
    for item in shown:
        document = region.history.find(item["number"])
        picture = Html("")
        if document is not None and pictures.is_picture(region.clients, document):
            where = {"region": region.name, "account": region.account, "at": int(item["ended_at"])}
            picture = fill(
                '<img src="$address" alt="The document $id" loading="lazy">',
                address=f"{PREFIX}documents/{item['number']}?{urlencode(where)}",
                id=item["inference_id"],
            )
        place = _place(item["input_location"] or "came in the request")
        yield [
            joined([picture, place]),
            fill('<pre tabindex="0">$answer</pre>$rest', answer=pretty(item), rest=_rest(item)),
            _outcome(item, now),
        ]


def _outcome(item: Json, now: float) -> Html:
    took = "" if item["seconds"] is None else f" after {item['seconds']:.2f} s of work"
    instance = "no instance had it" if item["instance"] is None else f"by {item['instance']}"
    return fill(
        '<p>$status $at</p><p class="quiet">$how</p><p class="mono user">$id</p><p>$where</p>',
        status=badge(item["status"]),
        at=moment(item["ended_at"], now),
        how=f"{instance}{took}",
        id=item["inference_id"],
        where=_place(item["output_location"] or item["failure_location"] or "not in S3"),
    )


def pretty(item: Json) -> str:
    """A document's answer, laid out where all of it is known and JSON."""
    answer: str = item["answer"]
    if item["answer_bytes"] > ANSWER_BYTES_KEPT:
        return answer
    try:
        return laid_out(json.loads(answer))
    except (ValueError, RecursionError):
        return answer


def _rest(item: Json) -> Html:
    if item["answer_bytes"] <= ANSWER_BYTES_KEPT:
        return Html("")
    text = f"The first {ANSWER_BYTES_KEPT:,} of {item['answer_bytes']:,} bytes."
    return fill('<p class="quiet">$text</p>', text=text)


def _place(text: str) -> Html:
    return fill('<span class="mono user">$text</span>', text=text)


def _user(text: str) -> Html:
    return fill('<span class="user">$text</span>', text=text)


def _link(query: Query, text: str, **changes: str) -> Html:
    """A link to this page with another choice; an empty one is left out."""
    wanted = {name: value for name, value in {**query, **changes}.items() if value}
    return fill('<a href="$to">$text</a>', to=f"?{urlencode(wanted)}", text=text)


def _card(content: Html, kind: str = "") -> Html:
    return fill('<section class="card $kind">$content</section>', kind=kind, content=content)
