"""S3's events in EventBridge, with the version of their object.

Source: the S3 user guide, "EventBridge event message structure": `detail.object` has `version-id` where the bucket has
versions, as its examples show.
"""

import json
import threading
from typing import Any

from ministack.services import eventbridge, s3

_VERSION = "version-id"


def name_object_versions() -> None:
    """Adds the version to events of objects: ministack knows it, and leaves it out for EventBridge."""
    fire, dispatch = s3._fire_s3_event, eventbridge._dispatch_event
    firing = threading.local()  # S3 sends each event on a thread of its own

    def fire_with_version(*arguments: Any, **members: Any) -> None:
        firing.version = members.get("version_id")
        try:
            fire(*arguments, **members)
        finally:
            firing.version = None

    def dispatch_with_version(event: dict[str, Any], *view: Any) -> None:
        version = getattr(firing, "version", None)
        firing.version = None  # what the event sets off is not the object's
        if version and event.get("Source") == "aws.s3":
            detail = json.loads(event["Detail"])
            detail["object"][_VERSION] = version
            event = {**event, "Detail": json.dumps(detail)}
        dispatch(event, *view)

    s3._fire_s3_event = fire_with_version
    eventbridge._dispatch_event = dispatch_with_version
