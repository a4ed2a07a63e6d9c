"""API destinations of EventBridge: as resources of stacks, and with retries and dead letters.

ministack has their API, and sends each event once. It still builds the request, authorizes it and sends it.
"""

import contextvars
import json
import logging
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from ministack.services import eventbridge, sqs
from ministack.services.cloudformation import provisioners

from async_endpoint.clock import SystemClock
from async_endpoint.emulator.delivery_retries import RetryPolicy, is_accepted, is_retried

_SHORTEST_DELAY = 0.1  # of the wall's clock
_LONGEST_NAME = 64

logger = logging.getLogger(__name__)


def add_destination_resources() -> None:
    """Lets stacks create, update and delete connections and API destinations."""
    for name, (create, update, delete) in {
        "Connection": (eventbridge._create_connection, eventbridge._update_connection, eventbridge._delete_connection),
        "ApiDestination": (
            eventbridge._create_api_destination,
            eventbridge._update_api_destination,
            eventbridge._delete_api_destination,
        ),
    }.items():
        provisioners._RESOURCE_HANDLERS[f"AWS::Events::{name}"] = _handlers(name, create, update, delete)
        provisioners._REPLACING_PROPERTIES[f"AWS::Events::{name}"] = ("Name",)


def _handlers(
    kind: str, create: Callable[..., Any], update: Callable[..., Any], delete: Callable[..., Any]
) -> dict[str, Callable[..., Any]]:
    def put(call: Callable[..., Any], name: str, properties: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
        status, _, body = call({**properties, "Name": name})
        response = json.loads(body)
        if status != HTTPStatus.OK:
            raise ValueError(f"AWS::Events::{kind} {name}: {response.get('message') or response}")
        return name, {"Arn": response[f"{kind}Arn"]}

    def create_named(logical_id: str, properties: Mapping[str, Any], stack_name: str) -> tuple[str, dict[str, str]]:
        del stack_name
        named = f"{logical_id[: _LONGEST_NAME - 13]}-{uuid4().hex[:12]}"
        return put(create, properties.get("Name") or named, properties)

    def update_named(
        physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], stack_name: str
    ) -> tuple[str, dict[str, str]]:
        del old, stack_name
        return put(update, physical_id, new)

    def delete_named(physical_id: str, properties: Mapping[str, Any]) -> None:
        del properties
        delete({"Name": physical_id})  # a resource that is gone already is no error

    return {"create": create_named, "update": update_named, "delete": delete_named}


def retry_destinations(clock: SystemClock) -> None:
    """Lets EventBridge deliver again what an API destination did not accept, and dead-letter what it gives up on."""
    invoke = eventbridge._invoke_target
    current: contextvars.ContextVar[tuple[Mapping[str, Any], Mapping[str, Any]]] = contextvars.ContextVar("delivery")

    def invoke_known(target: Mapping[str, Any], event: Mapping[str, Any], rule: Mapping[str, Any], *view: Any) -> None:
        token = current.set((event, rule))
        try:
            invoke(target, event, rule, *view)
        finally:
            current.reset(token)

    def dispatch(spec: Any, payload: str, target: Mapping[str, Any]) -> None:
        event, rule = current.get()
        delivery = _Delivery(spec.resource.split("/")[1], payload, target=target, event=event, rule=rule, clock=clock)
        context = contextvars.copy_context()  # with the account and the region
        threading.Thread(target=context.run, args=(delivery.run,), daemon=True, name="api-destination").start()

    eventbridge._invoke_target = invoke_known
    eventbridge._dispatch_to_api_destination = dispatch


class _Delivery:
    """The delivery of one event to one destination, until it is accepted or given up."""

    def __init__(
        self,
        name: str,
        payload: str,
        *,
        target: Mapping[str, Any],
        event: Mapping[str, Any],
        rule: Mapping[str, Any],
        clock: SystemClock,
    ) -> None:
        self._name = name
        self._payload = payload
        self._target = target
        self._event = event
        self._rule = rule
        self._clock = clock
        self._policy = RetryPolicy.from_target(target)
        self._began = clock.now()
        self._failures = 0

    def run(self) -> None:
        status, error = self._send()
        if status is not None and is_accepted(status):
            return
        self._failures += 1
        age = self._clock.now() - self._began
        delay = self._policy.delay(failures=self._failures, age=age) if is_retried(status) else None
        if delay is None:
            self._give_up(status, error)
            return
        context = contextvars.copy_context()
        again = threading.Timer(max(_SHORTEST_DELAY, self._clock.wall_seconds(delay)), context.run, (self.run,))
        again.daemon = True
        again.start()

    def _send(self) -> tuple[int | None, str]:
        """Sends once; returns the status, None for no response, and what went wrong."""
        destination = eventbridge._api_destinations.get(self._name)
        connection = eventbridge._connections.get(destination["ConnectionArn"].split("/")[1]) if destination else None
        if destination is None or connection is None:
            return HTTPStatus.NOT_FOUND, "the destination or its connection does not exist"
        request = eventbridge._build_api_destination_request(
            destination, connection, self._target.get("HttpParameters") or {}, self._payload
        )
        try:
            headers = eventbridge._connection_auth_headers(connection, None)
            status: int = eventbridge._api_destination_send_sync(request, headers)
        except (OSError, ValueError) as error:
            return None, str(error)
        return status, f"HTTP status {status}"

    def _give_up(self, status: int | None, error: str) -> None:
        rule, dead_letters = self._rule.get("Name", ""), (self._target.get("DeadLetterConfig") or {}).get("Arn")
        logger.warning("rule %s gave up on API destination %s: %s", rule, self._name, error)
        queue = sqs._queue_by_arn(dead_letters) if dead_letters else None
        if queue is None:
            return
        attributes = {
            "RULE_ARN": self._rule.get("Arn", ""),
            "TARGET_ARN": self._target.get("Arn", ""),
            "ERROR_CODE": "CONNECTION_FAILURE" if status is None else "SDK_CLIENT_ERROR",
            "ERROR_MESSAGE": error,
            "RETRY_ATTEMPTS": str(self._failures - 1),
        }
        sqs._HANDLERS["SendMessage"](
            {
                "QueueUrl": queue["url"],
                "MessageBody": json.dumps(eventbridge._pattern_event_view(self._event).event_with_detail()),
                "MessageAttributes": {
                    name: {"DataType": "String", "StringValue": value} for name, value in attributes.items() if value
                },
            },
            "",
        )
