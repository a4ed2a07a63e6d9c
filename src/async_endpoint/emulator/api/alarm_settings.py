"""What CloudWatch refuses of an alarm when it is put, which ministack takes: an alarm that can never be evaluated.

Source: API reference of PutMetricAlarm, and the sentences that CloudWatch is known to answer.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from async_endpoint.cloudwatch.alarms import longest_check
from async_endpoint.emulator.errors import ValidationException
from async_endpoint.emulator.service_models import received, validated

_MISSING_DATA = ("breaching", "notBreaching", "ignore", "missing")
_SHORT_PERIODS = (10, 20, 30)
_MINUTE = 60
_ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")
# Alarms of another make, on a query language, of which nothing is known here.
_OTHER_KINDS = ("EvaluationCriteria", "EvaluationWindow")

Members = Mapping[str, Any]


def refusal(settings: Members) -> str | None:
    """Why CloudWatch refuses an alarm; None if it takes it.

    Args:
        settings: Members of PutMetricAlarm, or a template's properties, whose numbers may be text.
    """
    try:
        members = validated("cloudwatch", "PutMetricAlarm", received("cloudwatch", "PutMetricAlarm", settings))
    except ValidationException as error:
        return error.message
    if any(members.get(name) for name in _OTHER_KINDS):
        return None
    return next(_broken(members), None)


def _broken(members: Members) -> Iterator[str]:
    for name in ("EvaluationPeriods", "ComparisonOperator"):
        if members.get(name) is None:
            yield f"The parameter {name} is required."
    if (members.get("Threshold") is None) == (members.get("ThresholdMetricId") is None):
        yield "Exactly one of Threshold and ThresholdMetricId must be specified."
    if members.get("TreatMissingData") not in (None, *_MISSING_DATA):
        options = ", ".join(_MISSING_DATA)
        yield f"Option {members['TreatMissingData']} is not supported. Supported options are {options}."
    queries = members.get("Metrics") or []
    if bool(queries) == bool(members.get("MetricName")):
        yield "Exactly one of MetricName and Metrics must be specified."
    yield from _broken_queries(queries) if queries else _broken_metric(members)
    yield from _broken_extent(members, _periods(members, queries))
    for action in (arn for name in _ACTIONS for arn in members.get(name) or ()):
        if not action.startswith("arn:"):
            yield f"Invalid arn syntax: {action}"


def _broken_metric(members: Members) -> Iterator[str]:
    if not members.get("Namespace"):
        yield "The parameter Namespace is required."
    if members.get("Period") is None:
        yield "The parameter Period is required."
    if bool(members.get("Statistic")) == bool(members.get("ExtendedStatistic")):
        yield "Exactly one of Statistic and ExtendedStatistic must be specified."


def _broken_queries(queries: list[Members]) -> Iterator[str]:
    for query in queries:
        if bool(query.get("Expression")) == bool(query.get("MetricStat")):
            yield f"The query {query['Id']} must have exactly one of Expression and MetricStat."
    if sum(query.get("ReturnData", True) for query in queries) != 1:
        yield "Exactly one element of the metrics list should return data."


def _broken_extent(members: Members, periods: list[int]) -> Iterator[str]:
    count, enough = members["EvaluationPeriods"], members.get("DatapointsToAlarm")
    if enough is not None and enough > count:
        yield f"DatapointsToAlarm ({enough}) must be less than or equal to EvaluationPeriods ({count})"
    for period in periods:
        if period not in _SHORT_PERIODS and period % _MINUTE:
            yield f"The Period of {period} seconds is not valid: it must be 10, 20, 30 or a multiple of 60."
        if message := longest_check(count, period):
            yield message


def _periods(members: Members, queries: list[Members]) -> list[int]:
    given = [members.get("Period"), *(query.get("MetricStat", {}).get("Period") for query in queries)]
    return [period for period in given if period is not None]
