"""All contact with ministack: what it lets one plug in, and the private parts that it does not.

ministack has no plug-in interface. This file alone knows the names below; they were read from release 1.5.33, which is
pinned for that reason, and a contract test says which of them a newer release has moved.

Importing it imports ministack, which reads its settings from the environment at that moment: `local` sets them.
"""

import asyncio
import json
import logging
import re
import threading
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, cast

import ministack.app
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config
from ministack.core import router
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch, eventbridge, lambda_svc, sns
from ministack.services.cloudformation import provisioners, stacks

from async_endpoint.emulator.api.cloudformation import ResourceType
from async_endpoint.emulator.api.json_protocol import Response
from async_endpoint.emulator.api.public_registry import Describe
from async_endpoint.emulator.errors import UnknownOperation
from async_endpoint.emulator.server import alarm_history
from async_endpoint.emulator.server.gateway import App
from async_endpoint.emulator.server.region import Region

Handler = Callable[[Region, str, Mapping[str, str], bytes], Response]
Observe = Callable[[str, str, str, str, Mapping[str, str], float | None, Mapping[str, float]], None]

ObserveState = Callable[..., None]
Moment = Callable[[str, str, str, str], float]

_OK = 200
_SHUTDOWN_SECONDS = 1.0
_SAVE_SECONDS = 30.0  # for ministack to write down its services


def add_paths(name: str, pattern: re.Pattern[str]) -> None:
    """Take POST requests without a signature, to paths of a pattern, for a service's; they are of the default region.

    What a signature says goes first, and so does every other service's claim: S3 alone, which ministack takes for
    meant when nothing else fits, has none to such a request.
    """
    detect = ministack.app.detect_service

    def detect_added(method: str, path: str, headers: dict[str, str], query: dict[str, Any]) -> str:
        found = detect(method, path, headers, query)
        unsigned = method == "POST" and not headers.get("authorization")
        return name if found == "s3" and unsigned and pattern.fullmatch(path) else found

    ministack.app.detect_service = detect_added


def add_service(
    name: str,
    target_prefix: str,
    handler: Handler,
    regions: Callable[[str, str], Region],
    *,
    blocking: Collection[str] = (),
) -> None:
    """Answer a service's requests with `handler(region, path, headers, body)`.

    Args:
        name: The service's signing name, by which requests are told apart.
        target_prefix: What its X-Amz-Target begins with.
        handler: Answers one request; it must not block.
        regions: The region of an account's number and a region's name.
        blocking: Operations that may block all the same, because they call other services.
    """

    async def handle(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Response:
        del query
        if method != "POST":  # as every operation of these services
            return UnknownOperation(name, f"{method} {path}").as_json()
        region = regions(get_account_id(), get_region())
        if headers.get("x-amz-target", "").removeprefix(target_prefix) in blocking:
            return await asyncio.to_thread(handler, region, path, headers, body)
        return handler(region, path, headers, body)

    ministack.app.SERVICE_HANDLERS[name] = handle
    # Without a pattern of its own the first request makes the router load every one of botocore's models (400 MB).
    router.SERVICE_PATTERNS[name] = {"target_prefixes": [target_prefix], "credential_scope": name}


def add_public_images(describe: Describe) -> None:
    """Have ECR's DescribeImages answered by `describe(account, region, request)` where that gives an answer.

    ministack takes every registry for the caller's own.
    """
    own = ministack.app.SERVICE_HANDLERS["ecr"]

    async def handle(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Response:
        if headers.get("x-amz-target", "").endswith(".DescribeImages"):
            answer = describe(get_account_id(), get_region(), json.loads(body or b"{}"))
            if answer is not None:
                return answer
        return cast("Response", await own(method, path, headers, body, query))

    ministack.app.SERVICE_HANDLERS["ecr"] = handle


def bound_public_layers(has_version: Callable[[str], bool]) -> None:
    """Refuse other accounts' layer versions that `has_version(arn)` denies: ministack takes every number."""
    resolve = lambda_svc._resolve_cross_account_layer  # noqa: SLF001

    def resolve_known(layer_arn: str, spec: Any, name_and_version: Any) -> Any:
        if not has_version(layer_arn):
            return lambda_svc._layer_access_denied(layer_arn)  # noqa: SLF001
        return resolve(layer_arn, spec, name_and_version)

    lambda_svc._resolve_cross_account_layer = resolve_known  # noqa: SLF001


def add_resource_type(name: str, resource: ResourceType, regions: Callable[[str, str], Region]) -> None:
    """Let CloudFormation create, update and delete resources of a type."""

    def create(logical_id: str, properties: Mapping[str, Any], stack_name: str) -> tuple[str, dict[str, str]]:
        del stack_name
        return resource.handler.create(regions(get_account_id(), get_region()), logical_id, properties)

    def update(
        physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], stack_name: str
    ) -> tuple[str, dict[str, str]]:
        del stack_name
        return resource.handler.update(regions(get_account_id(), get_region()), physical_id, old, new)

    def delete(physical_id: str, properties: Mapping[str, Any]) -> None:
        resource.handler.delete(regions(get_account_id(), get_region()), physical_id, properties)

    provisioners._RESOURCE_HANDLERS[name] = {"create": create, "update": update, "delete": delete}  # noqa: SLF001
    provisioners._REPLACING_PROPERTIES[name] = resource.replacing  # noqa: SLF001
    if resource.blocks:
        _run_on_worker_thread(name)


def replace_alarm_evaluation() -> None:
    """Leave the state of alarms to others: ministack's own evaluation ignores dimensions, M of N and missing data."""
    cloudwatch._evaluate_alarm = lambda _: None  # noqa: SLF001
    cloudwatch._evaluate_all_alarms = lambda: None  # noqa: SLF001


def bound_metric_data(retention_seconds: int) -> None:
    """Keep a metric's data for so long, counted back from its newest, and look for old ones where one is added.

    ministack goes through all that it holds at each request to CloudWatch, which in minutes that are seconds long soon
    takes more time than there is; and it counts from the wall's clock, which AWS's runs ahead of.
    """
    bucket = cloudwatch._metric_bucket  # noqa: SLF001

    def bounded(key: tuple[str, str, str]) -> list[dict[str, Any]]:
        points: list[dict[str, Any]] = bucket(key)
        if points:
            horizon = points[-1]["Timestamp"] - retention_seconds
            # In the order of their making, which is that of time but for late ones.
            del points[: next(index for index, point in enumerate(points) if point["Timestamp"] >= horizon)]
        return points

    cloudwatch._metric_bucket = bounded  # noqa: SLF001
    cloudwatch._evict_old_metrics = lambda: None  # noqa: SLF001


def keep_metric_math(refusal: Callable[[Mapping[str, Any]], str | None]) -> None:
    """Let alarms have Metrics, by the API and by templates: ministack drops them there and refuses them here.

    The API's older query protocol, which no current SDK speaks, loses them still, and refuses nothing.

    Args:
        refusal: Why an alarm of these settings is to be refused, which ministack would take; None if it is not.
    """
    put, record = cloudwatch._put_metric_alarm, provisioners._cw_metric_alarm_record  # noqa: SLF001

    def put_with_math(params: Any, members: Mapping[str, Any], is_cbor: bool, is_json: bool = False) -> Any:  # noqa: FBT001, FBT002 - the signature is ministack's
        if (is_cbor or is_json) and (message := refusal(members)):
            return cloudwatch._error("ValidationError", message, 400, use_json=is_json, use_cbor=is_cbor)  # noqa: SLF001
        answer = put(params, members, is_cbor, is_json)
        queries = members.get("Metrics") if is_cbor or is_json else None
        alarm = cloudwatch._alarms.get(members.get("AlarmName", "")) if queries else None  # noqa: SLF001
        if alarm is not None:
            _give_metrics(alarm, queries)
        return answer

    def record_with_math(name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
        queries = properties.get("Metrics")
        if message := refusal({**properties, "AlarmName": name}):
            raise ValueError(message)
        if not queries:
            return dict(record(name, properties))
        plain = {key: value for key, value in properties.items() if key != "Metrics"}
        return _give_metrics(record(name, {**plain, "MetricName": "-", "Namespace": "-"}), queries)

    cloudwatch._put_metric_alarm = put_with_math  # noqa: SLF001
    provisioners._cw_metric_alarm_record = record_with_math  # noqa: SLF001


def keep_alarm_history(moment: Moment) -> None:
    """Have metric alarms, and DescribeAlarmHistory of them, tell what happened to them and when on AWS's clock.

    ministack records state changes only, with the wall clock's time. Call this after `keep_metric_math`.

    Args:
        moment: The moment of AWS's clock at which an alarm has come to a state, by account, region, name and state; the
            present one for anything else that happens to it. It must not block.
    """
    lock = threading.RLock()  # templates put alarms from threads of their own

    def recorded(change: Callable[..., Any]) -> Callable[..., Any]:
        def change_and_record(*arguments: Any, **members: Any) -> Any:
            with lock:
                before = {name: _Known(alarm, dict(alarm)) for name, alarm in cloudwatch._alarms.items()}  # noqa: SLF001
                answer = change(*arguments, **members)
                _record_changes(before, moment)
                return answer

        return change_and_record

    record = cloudwatch._record_history  # noqa: SLF001

    def record_others(*arguments: Any, **members: Any) -> None:
        if arguments[0] not in cloudwatch._alarms:  # noqa: SLF001 - of a composite alarm
            record(*arguments, **members)

    cloudwatch._record_history = record_others  # noqa: SLF001
    cloudwatch._put_metric_alarm = recorded(cloudwatch._put_metric_alarm)  # noqa: SLF001
    cloudwatch._set_alarm_state = recorded(cloudwatch._set_alarm_state)  # noqa: SLF001
    cloudwatch._delete_alarms = recorded(cloudwatch._delete_alarms)  # noqa: SLF001
    cloudwatch._enable_alarm_actions = recorded(cloudwatch._enable_alarm_actions)  # noqa: SLF001
    cloudwatch._disable_alarm_actions = recorded(cloudwatch._disable_alarm_actions)  # noqa: SLF001
    cloudwatch.cloudformation_put_metric_alarm = recorded(cloudwatch.cloudformation_put_metric_alarm)
    cloudwatch.cloudformation_delete_metric_alarm = recorded(cloudwatch.cloudformation_delete_metric_alarm)


def observe_alarm_states(observe: ObserveState) -> None:
    """Report every state that SetAlarmState gives to an alarm that there is.

    Args:
        observe: Called with account, region, name, state, StateReason and StateReasonData; it must not block.
    """
    set_state = cloudwatch._set_alarm_state  # noqa: SLF001

    def set_and_observe(params: Any, members: Mapping[str, Any], is_cbor: bool, is_json: bool = False) -> Any:  # noqa: FBT001, FBT002 - the signature is ministack's
        answer = set_state(params, members, is_cbor, is_json)
        given = members if is_cbor or is_json else {name: values[0] for name, values in params.items()}
        if answer[0] == _OK:
            said = (given.get(name) for name in ("AlarmName", "StateValue", "StateReason", "StateReasonData"))
            observe(get_account_id(), get_region(), *said)
        return answer

    cloudwatch._set_alarm_state = set_and_observe  # noqa: SLF001


def observe_metrics(observe: Observe) -> None:
    """Report every datum that reaches the emulated CloudWatch.

    Args:
        observe: Called with account, region, namespace, name, dimensions, epoch seconds (None: now) and a statistic set
            (SampleCount, Sum, Minimum, Maximum).
    """
    store = cloudwatch._store_datum  # noqa: SLF001
    record = cloudwatch.record_metric

    def store_and_observe(  # noqa: PLR0917 - the signature is ministack's
        namespace: str,
        name: str,
        dimensions: dict[str, str],
        at: float,
        unit: str,
        value: float | None,
        values: list[float] | None,
        counts: list[float] | None,
        statistics: dict[str, float] | None,
    ) -> None:
        store(namespace, name, dimensions, at, unit, value, values, counts, statistics)
        for summary in _statistic_sets(value, values, counts, statistics):
            observe(get_account_id(), get_region(), namespace, name, dimensions, at, summary)

    def record_and_observe(
        namespace: str, name: str, value: float, unit: str = "None", dimensions: dict[str, str] | None = None
    ) -> None:
        record(namespace, name, value, unit, dimensions)
        for summary in _statistic_sets(value, None, None, None):
            observe(get_account_id(), get_region(), namespace, name, dimensions or {}, None, summary)

    cloudwatch._store_datum = store_and_observe  # noqa: SLF001
    cloudwatch.record_metric = record_and_observe


def run_schedules_by(now: Callable[[], float], sweep_seconds: float) -> None:
    """Let EventBridge's scheduled rules follow a clock, in epoch seconds, and look so often what is due.

    ministack looks every ten seconds of the wall's time. A rate is counted from the first sweep that sees its rule, and
    from its last event; a rule that is due several times between two sweeps has one event.
    """
    sweep, wall = eventbridge._tick_scheduled_rules, eventbridge._now_ts  # noqa: SLF001
    sweeping = threading.local()  # what else ministack dates, on other threads, keeps to the wall's time

    def sweep_by_clock() -> None:
        sweeping.at = now()
        try:
            for rule in list(eventbridge._rules._data):  # noqa: SLF001
                eventbridge._rule_last_fired.setdefault(rule, sweeping.at)  # noqa: SLF001
            sweep()
        finally:
            del sweeping.at

    eventbridge._tick_scheduled_rules = sweep_by_clock  # noqa: SLF001
    eventbridge._now_ts = lambda: getattr(sweeping, "at", None) or wall()  # noqa: SLF001
    eventbridge._SCHEDULER_TICK_INTERVAL = sweep_seconds  # noqa: SLF001


async def serve(port: int, front: Callable[[App], App], stop: Callable[[], Awaitable[object]]) -> None:
    """Serve the local AWS, behind what `front` puts before it, on 127.0.0.1 until `stop()` returns."""
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = _SHUTDOWN_SECONDS
    config.shutdown_timeout = _SAVE_SECONDS
    config.loglevel = "WARNING"
    logging.getLogger("hypercorn.access").setLevel(logging.WARNING)
    await hypercorn_serve(cast("Any", front(ministack.app.app)), config, shutdown_trigger=stop)


def _run_on_worker_thread(resource_type: str) -> None:
    """Give a type's handlers a thread of their own, as ministack gives its own blocking types."""
    others = stacks._runs_on_worker_thread  # noqa: SLF001
    stacks._runs_on_worker_thread = lambda name: name == resource_type or others(name)  # noqa: SLF001


def _statistic_sets(
    value: float | None,
    values: list[float] | None,
    counts: list[float] | None,
    statistics: dict[str, float] | None,
) -> list[dict[str, float]]:
    """The datum of PutMetricData as statistic sets: a set as it is, each distinct value as many times as counted."""
    if statistics is not None:
        return [statistics]
    pairs = zip(values, counts or [1.0] * len(values), strict=True) if values is not None else [(value or 0.0, 1.0)]
    return [
        {"SampleCount": count, "Sum": number * count, "Minimum": number, "Maximum": number} for number, count in pairs
    ]


@dataclass(frozen=True)
class _Known:
    """An alarm before a change: the object that ministack holds, and a copy of its members."""

    alarm: Mapping[str, Any]
    members: Mapping[str, Any]


def _record_changes(before: Mapping[str, _Known], moment: Moment) -> None:
    """Date and record what has become of the alarms of the caller's region; `before` holds each, and as it was."""
    alarms, history = cloudwatch._alarms, cloudwatch._history_entries()  # noqa: SLF001
    for name in [*before, *(name for name in alarms if name not in before)]:
        known, alarm = before.get(name), alarms.get(name)
        was = None if known is None else known.members
        if known is not None and known.alarm is alarm and was == alarm:
            continue
        is_put = alarm is not None and (
            known is None
            or known.alarm is not alarm
            or known.members.get("ActionsEnabled") != alarm.get("ActionsEnabled")
        )
        state = "" if alarm is None else alarm["StateValue"]
        at = moment(get_account_id(), get_region(), name, state)
        if alarm is not None:
            alarm_history.date(was, alarm, at, is_put=is_put)
        history.extend(alarm_history.items(was, alarm, at, is_put=is_put, error=_action_error))
        alarm_history.forget(history, at)


def _action_error(arn: str) -> str | None:
    """Why an alarm's action fails, as `alarm_history.items` asks for it: topics and scaling policies are acted upon."""
    if ":scalingPolicy:" in arn:
        return None
    if not arn.startswith("arn:aws:sns:"):
        return ""
    return None if sns._topic_by_arn_any_scope(arn) else "Topic does not exist"  # noqa: SLF001


def _give_metrics(alarm: dict[str, Any], queries: Any) -> dict[str, Any]:
    """An alarm on metric math has no members that name a metric."""
    for member in ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit"):
        alarm.pop(member, None)
    alarm["Metrics"] = queries
    return alarm
