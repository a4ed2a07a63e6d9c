"""The rules of PutMetricAlarm that its request model does not state.

Members are those of the API, valid and typed by its model. Source: API reference of PutMetricAlarm, and the sentences
that CloudWatch is known to return.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from async_endpoint.cloudwatch.metric_key import MINUTE

HOUR = 60 * MINUTE
DAY = 24 * HOUR

_MISSING_DATA = ("breaching", "notBreaching", "ignore", "missing")
_HIGH_RESOLUTION_PERIODS = (10, 20, 30)
_ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")
# Alarms of another kind, on a query language, whose rules are not known here.
OTHER_KINDS = ("EvaluationCriteria", "EvaluationWindow")

Members = Mapping[str, Any]


def broken_rule(members: Members) -> str | None:
    """Returns the first rule that an alarm breaks, in CloudWatch's words; None if it breaks none."""
    if any(members.get(name) for name in OTHER_KINDS):
        return None
    return next(_broken_rules(members), None)


def broken_query_rules(queries: Sequence[Members]) -> Iterator[str]:
    """Yields the rules that the queries of Metrics break: an alarm's, or those of a target tracking policy."""
    for query in queries:
        if bool(query.get("Expression")) == bool(query.get("MetricStat")):
            yield f"The query {query['Id']} must have exactly one of Expression and MetricStat."
    if sum(query.get("ReturnData", True) for query in queries) != 1:
        yield "Exactly one element of the metrics list should return data."


def _broken_rules(members: Members) -> Iterator[str]:
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
    yield from broken_query_rules(queries) if queries else _broken_metric_rules(members)
    yield from _broken_range_rules(members, _periods(members, queries))
    for action in (arn for name in _ACTIONS for arn in members.get(name) or ()):
        if not action.startswith("arn:"):
            yield f"Invalid arn syntax: {action}"


def _broken_metric_rules(members: Members) -> Iterator[str]:
    if not members.get("Namespace"):
        yield "The parameter Namespace is required."
    if members.get("Period") is None:
        yield "The parameter Period is required."
    if bool(members.get("Statistic")) == bool(members.get("ExtendedStatistic")):
        yield "Exactly one of Statistic and ExtendedStatistic must be specified."


def _broken_range_rules(members: Members, periods: Sequence[int]) -> Iterator[str]:
    """Yields what is wrong with how far the alarm looks back: a day at most, seven with periods of an hour or more."""
    count, enough = members["EvaluationPeriods"], members.get("DatapointsToAlarm")
    if enough is not None and enough > count:
        yield f"DatapointsToAlarm ({enough}) must be less than or equal to EvaluationPeriods ({count})"
    for period in periods:
        if period not in _HIGH_RESOLUTION_PERIODS and period % MINUTE:
            yield f"The Period of {period} seconds is not valid: it must be 10, 20, 30 or a multiple of 60."
        limit = DAY if period < HOUR else 7 * DAY
        if count * period > limit:
            yield (
                f"Metrics cannot be checked across more than {'a day' if limit == DAY else 'seven days'} "
                f"(EvaluationPeriods * Period must be <= {limit})."
            )


def _periods(members: Members, queries: Sequence[Members]) -> list[int]:
    given = [members.get("Period"), *(query.get("MetricStat", {}).get("Period") for query in queries)]
    return [period for period in given if period is not None]
