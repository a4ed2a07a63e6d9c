"""The page of one endpoint: charts, cost, queues, instances, alarms, activities, and documents beside their results."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from async_endpoint.emulator.api.region_services import RegionServices
from async_endpoint.emulator.console.charts import backlog_chart, instances_chart
from async_endpoint.emulator.console.overview import WAITING_SHOWN, Json
from async_endpoint.emulator.console.pictures import Pictures
from async_endpoint.emulator.console.retries import offers
from async_endpoint.emulator.console.workflow import EndpointWorkflow
from async_endpoint.emulator.hosting.history import HOURS_KEPT, RESULT_BYTES_KEPT
from async_endpoint.emulator.local_routes import PREFIX

_SPANS = {"30": "30 min", "120": "2 h", str(HOURS_KEPT * 60): f"{HOURS_KEPT} h"}  # by minutes
_DEFAULT_SPAN = "120"
_DOCUMENTS_SHOWN = 10
_ACTIVITIES_SHOWN = 5


def endpoint_values(
    region: RegionServices, endpoint: Json, query: Mapping[str, str], pictures: Pictures
) -> dict[str, Any]:
    """Returns the values of `endpoint.html` for one endpoint of `overview`; reads S3, SQS and the jobs table."""
    now = region.clock.now()
    span = query.get("span", "")
    span = span if span in _SPANS else _DEFAULT_SPAN
    start = max(endpoint["created_at"], now - int(span) * 60)
    points = region.history.series(endpoint["name"], since=start)
    failed = [item for item in endpoint["documents"] if item["status"] != "Completed"]
    failed_only = query.get("outcome") == "failed"
    found = failed if failed_only else endpoint["documents"]
    all_documents = query.get("documents") == "all"
    documents = found if all_documents else found[:_DOCUMENTS_SHOWN]
    workflow = EndpointWorkflow.find(region.clients, endpoint["name"])
    retries = offers(workflow, documents)
    return {
        "endpoint": endpoint,
        "backlog_chart": backlog_chart(points, start, now),
        "instances_chart": instances_chart(points, start, now),
        "spans": _SPANS,
        "span": span,
        "activities_shown": _ACTIVITIES_SHOWN,
        "queue_size": _queue_size(endpoint["backlog"]["waiting"]),
        "documents": [
            item | {"picture": _picture_link(region, item, pictures), "retry": retries.get(item["number"])}
            for item in documents
        ],
        "queues": None if workflow is None else workflow.queues(),
        "documents_caption": _documents_caption(len(documents), len(found)),
        "documents_found": len(found),
        "failed_documents": len(failed),
        "failed_only": failed_only,
        "documents_shown": _DOCUMENTS_SHOWN,
        "all_documents": all_documents,
        "result_bytes_kept": RESULT_BYTES_KEPT,
    }


def _queue_size(waiting: int) -> str:
    return f"the first {WAITING_SHOWN} of {waiting:,} waiting" if waiting > WAITING_SHOWN else f"{waiting:,} waiting"


def _documents_caption(shown: int, kept: int) -> str:
    return f"Last documents: {shown} of {kept}" if kept else "Last documents"


def _picture_link(region: RegionServices, item: Json, pictures: Pictures) -> str | None:
    """Returns the path of a document's picture; None if it is not a picture."""
    document = region.history.find(item["number"])
    if document is None or not pictures.is_picture(region.clients, document):
        return None
    # The time makes the path unique: documents of an earlier process had the same numbers.
    place = {"region": region.name, "account": region.account, "at": int(item["ended_at"])}
    return f"{PREFIX}documents/{item['number']}?{urlencode(place)}"
