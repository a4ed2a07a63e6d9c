"""The local AWS's own pages below `/_local/`: its endpoints, one endpoint over time, and the same as JSON.

Rendered here, without scripts, from what a region's objects say at the moment. What comes from users (keys, ids,
answers) is text in them, and a policy in the headers has the browser load nothing but our style and S3's pictures.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from urllib.parse import quote, unquote, urlencode

from async_endpoint.clock import ScaledClock
from async_endpoint.emulator.api.region_services import RegionServices
from async_endpoint.emulator.console.durations import duration
from async_endpoint.emulator.console.endpoint import endpoint_page
from async_endpoint.emulator.console.markup import Html, Part, badge, fill, html, joined, moment, table
from async_endpoint.emulator.console.overview import Json, empty, overview, regions_with_endpoints
from async_endpoint.emulator.console.pictures import Pictures, picture
from async_endpoint.emulator.local_routes import PREFIX, Answer, RouteTable

_REFRESH_SECONDS = 2
_MOST_DIGITS = 18  # of a document's number: int() refuses thousands of them
_STATIC = {"style.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}
_POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": _POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

Query = Mapping[str, str]


class NotHere(Exception):
    """There is no such page; the message says what is missing."""


@dataclass(frozen=True)
class Pages:
    """Answers requests for pages.

    Attributes:
        regions: The regions so far.
        clock: AWS's clock.
    """

    regions: Callable[[], Sequence[RegionServices]]
    clock: ScaledClock
    _pictures: Pictures

    @classmethod
    def of(cls, regions: Callable[[], Sequence[RegionServices]], clock: ScaledClock) -> "Pages":
        """Pages of which nothing was asked yet."""
        return cls(regions, clock, Pictures())

    def register(self, front: RouteTable) -> None:
        """Have every address of ours answered here."""
        for name in ("", "overview", "endpoints", "documents", *_STATIC):
            front.add_route(name, self.handle)

    def handle(self, method: str, path: str, query: Query, body: bytes) -> Answer:
        """Answer one request; it may read S3, so it must have a thread of its own."""
        del body
        if method not in ("GET", "HEAD"):
            return _answer(405, "text/plain", b"There is nothing to change here.\n")
        name, _, rest = path.removeprefix(PREFIX).partition("/")
        try:
            if name in _STATIC:
                return _answer(200, _STATIC[name], _static(name).encode())
            if name == "overview":
                return _answer(200, "application/json", json.dumps(self._overview(query)).encode())
            if name == "documents":
                return self._picture(rest, query)
            page = self._endpoint(rest, query) if name == "endpoints" else self._index(query)
        except NotHere as error:
            here = _layout("Not here", fill("<h1>Not here</h1><p>$why</p>", why=str(error)), query, self.clock)
            return _answer(404, "text/html; charset=utf-8", here.encode())
        return _answer(200, "text/html; charset=utf-8", page.encode())

    def _overview(self, query: Query) -> Json:
        """A region's, and without one the first's; and the regions to ask for."""
        region = self._region(query)
        shown = empty(query.get("region", ""), self.clock) if region is None else overview(region)
        return shown | {"regions": regions_with_endpoints(self.regions())}

    def _index(self, query: Query) -> Html:
        found = sorted(self.regions(), key=lambda region: (region.name, region.account))
        sections = joined(_region(region, query) for region in found)
        main = fill("<h1>Local AWS</h1>$sections", sections=sections or Html("<p>Nothing was called yet.</p>"))
        return _layout("Local AWS", main, query, self.clock)

    def _endpoint(self, name: str, query: Query) -> Html:
        name = unquote(name)
        for region in self.regions():
            endpoint = region.sagemaker.endpoint(name) if _is_meant(region, query) else None
            if endpoint is None:
                continue
            shown = next((each for each in overview(region)["endpoints"] if each["name"] == name), None)
            if shown is None:
                continue
            main = endpoint_page(region, shown, query, self._pictures)
            return _layout(f"{name} · Local AWS", main, query, self.clock, here=name)
        raise NotHere(f"There is no endpoint {name} in {query.get('region', 'any region')}.")

    def _picture(self, number: str, query: Query) -> Answer:
        region = self._region(query)
        is_number = number.isdecimal() and len(number) <= _MOST_DIGITS
        document = region.history.find(int(number)) if region is not None and is_number else None
        found = None if region is None or document is None else picture(region.clients, document)
        if found is None:
            raise NotHere("There is no such picture.")
        # Its address tells it from every other: the page comes anew every two seconds, the pictures need not.
        status, headers, body = _answer(200, *found)
        return status, headers | {"cache-control": "private, max-age=3600"}, body

    def _region(self, query: Query) -> RegionServices | None:
        return next((region for region in self.regions() if _is_meant(region, query)), None)


def _is_meant(region: RegionServices, query: Query) -> bool:
    meant = (query.get("region", region.name), query.get("account", region.account))
    return (region.name, region.account) == meant


def _region(region: RegionServices, query: Query) -> Html:
    shown = overview(region)
    now = shown["clock"]["now"]
    endpoints = table(
        f"Endpoints in {region.name} (account {region.account})",
        ("endpoint", "status", "in service", "desired", "waiting", "in flight", "oldest", "last document"),
        [_row(region, endpoint, query, now) for endpoint in shown["endpoints"]],
        nothing="No endpoint.",
    )
    card = fill('<section class="card">$table</section>', table=endpoints)
    if not shown["other_alarms"]:
        return card
    alarms = table(
        f"Other alarms in {region.name}",
        ("alarm", "state", "since", "reason"),
        [
            (alarm["name"], badge(alarm["state"]), moment(alarm["since"], now), alarm["reason"])
            for alarm in shown["other_alarms"]
        ],
        nothing="None.",
    )
    return joined([card, fill('<section class="card alarms">$table</section>', table=alarms)])


def _row(region: RegionServices, endpoint: Json, query: Query, now: float) -> list[Part]:
    backlog, documents = endpoint["backlog"], endpoint["documents"]
    kept = {name: query[name] for name in ("refresh",) if name in query}
    address = f"{PREFIX}endpoints/{quote(endpoint['name'])}?" + urlencode(
        {"region": region.name, "account": region.account, **kept}
    )
    return [
        fill('<a href="$address">$name</a>', address=address, name=endpoint["name"]),
        badge(endpoint["status"]),
        endpoint["running"],
        endpoint["desired"],
        f"{backlog['waiting']:,}",
        f"{backlog['in_flight']:,}",
        "-" if backlog["oldest_seconds"] is None else duration(backlog["oldest_seconds"]),
        moment(documents[0]["ended_at"], now) if documents else "-",
    ]


def _layout(title: str, main: Html, query: Query, clock: ScaledClock, *, here: str | None = None) -> Html:
    still = query.get("refresh") == "0"
    kept = {name: value for name, value in query.items() if name != "refresh"}
    other = "?" + urlencode(kept if still else {**kept, "refresh": "0"})
    top = fill('<a href="$to">Local AWS</a>', to=PREFIX + ("?refresh=0" if still else ""))
    return fill(
        _static("layout.html"),
        title=title,
        refresh=Html("" if still else f'<meta http-equiv="refresh" content="{_REFRESH_SECONDS}">\n'),
        trail=top if here is None else joined([top, " / ", here]),
        clock=fill(
            '<span>$now UTC on AWS&#39;s clock, at $speed times the wall&#39;s</span> <a href="$to">$what</a>',
            now=moment(clock.now(), 0),
            speed=f"{clock.speed:g}",
            to=other,
            what="refresh every 2 s" if still else "stop refreshing",
        ),
        main=html(main),
    )


@cache
def _static(name: str) -> str:
    return resources.files("async_endpoint.emulator.console").joinpath(name).read_text(encoding="utf-8")


def _answer(status: int, content_type: str, body: bytes) -> Answer:
    return status, _HEADERS | {"content-type": content_type}, body
