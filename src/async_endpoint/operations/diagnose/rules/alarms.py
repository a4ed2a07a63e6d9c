"""Rules on the alarms: whether they watch the right thing, may act, and what they report."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from async_endpoint.operations.diagnose.finding import Finding
from async_endpoint.operations.diagnose.metrics import QUEUE_METRICS, SAGEMAKER, WITHOUT_CAPACITY
from async_endpoint.operations.diagnose.rules.words import counted, cut

if TYPE_CHECKING:
    from collections.abc import Iterator

    from async_endpoint.operations.diagnose.facts import Alarm, Resource
    from async_endpoint.operations.diagnose.snapshot import Snapshot

_WAIT = "requests-wait-and-no-instance-comes"
_QUEUES = "AWS/SQS"
_SCALING = "scalingPolicy"
# https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-target-tracking.html
_GROWS = "AlarmHigh"
_HASH = re.compile(r"[0-9A-F]{8}$")  # that the CDK adds to a logical id


def alarm_missing(snapshot: Snapshot) -> Finding | None:
    """An alarm of the stacks is deleted."""
    if not snapshot.knows("alarms"):
        return None
    missing = [each for each in _deployed(snapshot) if each.physical_id not in snapshot.alarms]
    if not missing:
        return None
    missing.sort(key=lambda each: not each.logical_id.startswith("Scaling"))
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return Finding(
        cause="alarm-deleted",
        text=f"The alarm {_short(snapshot, missing[0].physical_id)}{more} is deleted.",
        evidence=(f"DescribeAlarms finds no {missing[0].physical_id}.",),
        fix="Set scaling.enabled = false and make deploy, then back to true and make deploy"
        if missing[0].logical_id.startswith("Scaling")
        else "make destroy, then make deploy: CloudFormation restores no resource that it believes to exist",
        runbook=_WAIT,
    )


def policy_alarm_missing(snapshot: Snapshot) -> Finding | None:
    """An alarm that target tracking has made for itself is deleted."""
    if not snapshot.knows("alarms", "policies", "policy_alarms"):
        return None
    for policy in snapshot.policies:
        missing = [name for name in policy.alarms if name not in snapshot.alarms]
        if policy.target_value and not any(_GROWS in name for name in policy.alarms):
            missing.append(f"TargetTracking-…-{_GROWS}-…")
        if missing:
            return Finding(
                cause="policy-alarm-deleted",
                text=f"An alarm of the scaling policy {policy.name} is deleted: the fleet does not grow by it.",
                evidence=(f"CloudWatch has no {missing[0]}.",),
                fix="Put the policy again, unchanged, which makes its alarms: aws application-autoscaling "
                "describe-scaling-policies --service-namespace sagemaker --resource-id {resource}, then "
                "put-scaling-policy",
                runbook="requests-wait-too-long",
            )
    return None


def wrong_dimension(snapshot: Snapshot) -> Finding | None:
    """An alarm watches a metric that this endpoint does not have: it never fires."""
    for alarm in _own(snapshot):
        for watched in alarm.watched:
            if watched.namespace not in {SAGEMAKER, "/aws/sagemaker/Endpoints"}:
                continue
            endpoint = watched.dimensions.get("EndpointName")
            shown = ", ".join(f"{name}={value}" for name, value in watched.dimensions.items()) or "none"
            if endpoint != snapshot.names.endpoint:
                why = f"EndpointName must be {snapshot.names.endpoint}"
            elif watched.name in QUEUE_METRICS and len(watched.dimensions) > 1:
                why = "metrics of the queue have the dimension EndpointName alone"
            else:
                continue
            return Finding(
                cause="wrong-dimension",
                text=f"The alarm {_short(snapshot, alarm.name)} watches a metric that does not exist: it never acts.",
                evidence=(f"{watched.name} with {shown}; {why}.", f"The alarm is {alarm.state}."),
                fix=f"aws cloudwatch describe-alarms --alarm-names {alarm.name}, correct it with put-metric-alarm, or "
                "deploy the endpoint stack with another description of it",
                runbook=_WAIT,
            )
    return None


def actions_disabled(snapshot: Snapshot) -> Finding | None:
    """An alarm may not act."""
    disabled = sorted(
        (alarm for alarm in _own(snapshot) if not alarm.actions_enabled), key=lambda each: not _scales(each)
    )
    if not disabled:
        return None
    names = " ".join(alarm.name for alarm in disabled)
    scales = _scales(disabled[0])
    effect = "the endpoint does not scale by it" if scales else "nobody is notified"
    return Finding(
        cause="alarm-actions-disabled",
        text=f"The actions of the alarm {_short(snapshot, disabled[0].name)} are disabled: {effect}.",
        evidence=(f"ActionsEnabled is false for {len(disabled)} of {counted(len(snapshot.alarms), 'alarm')}.",),
        fix=f"aws cloudwatch enable-alarm-actions --alarm-names {names}",
        runbook=_WAIT if "Wake" in disabled[0].name else "instances-run-without-work",
    )


def action_lost(snapshot: Snapshot) -> Finding | None:
    """An alarm of scaling has no action left, or that of a policy that is gone."""
    if not snapshot.knows("policies", "alarms"):
        return None
    existing = {policy.arn for policy in snapshot.policies}
    for resource in _deployed(snapshot):
        alarm = snapshot.alarms.get(resource.physical_id)
        if alarm and resource.logical_id.startswith("Scaling") and not existing & set(alarm.actions) and existing:
            return Finding(
                cause="alarm-without-action",
                text=f"The alarm {_short(snapshot, alarm.name)} triggers no scaling policy.",
                evidence=(f"Its actions: {', '.join(alarm.actions) or 'none'}.",),
                fix=f"aws cloudwatch describe-alarms --alarm-names {alarm.name}, then put-metric-alarm with the "
                "policy's ARN as its action",
                runbook=_WAIT,
            )
    return None


def nobody_notified(snapshot: Snapshot) -> Finding | None:
    """An alarm does not notify the alarm topic any more."""
    topic = snapshot.names.outputs.get("AlarmTopicArn")
    found = ((each, snapshot.alarms.get(each.physical_id)) for each in _deployed(snapshot))
    silent = [
        alarm
        for resource, alarm in found
        if alarm and not resource.logical_id.startswith("Scaling") and topic not in alarm.actions
    ]
    if not silent or topic is None:
        return None
    more = (f"The same is true of {counted(len(silent) - 1, 'other alarm')}.",) if len(silent) > 1 else ()
    return Finding(
        cause="alarm-notifies-nobody",
        text=f"The alarm {_short(snapshot, silent[0].name)} does not notify the alarm topic.",
        evidence=(f"Its actions: {', '.join(silent[0].actions) or 'none'}.", *more),
        fix=f"aws cloudwatch describe-alarms --alarm-names {silent[0].name}, then put-metric-alarm with the action "
        f"{topic}",
        runbook=_runbook(silent[0]),
    )


def alarm_fires(snapshot: Snapshot) -> Finding | None:
    """An alarm that notifies people is in ALARM, and no other rule says why."""
    for alarm in _own(snapshot):
        if alarm.state != "ALARM" or _scales(alarm) or _is_of_read_queue(snapshot, alarm) or _is_over(snapshot, alarm):
            continue
        description = alarm.description.partition(" Runbook: ")[0]
        return Finding(
            cause="alarm",
            text=f"The alarm {_short(snapshot, alarm.name)} is in ALARM. {description}".strip(),
            evidence=(cut(alarm.reason),),
            fix=f"aws cloudwatch describe-alarm-history --alarm-name {alarm.name} --max-items 5",
            runbook=_runbook(alarm),
        )
    return None


def _runbook(alarm: Alarm) -> str | None:
    """Returns the heading that an alarm's description names."""
    return alarm.description.partition(" Runbook: ")[2].partition("#")[2].split(" ")[0] or None


def _is_over(snapshot: Snapshot, alarm: Alarm) -> bool:
    """Returns whether an alarm on a missing instance looks back at the time before one came."""
    watched = {each.name for each in alarm.watched}
    return snapshot.running > 0 and watched == {WITHOUT_CAPACITY}


def _deployed(snapshot: Snapshot) -> list[Resource]:
    return list(snapshot.names.of_type("AWS::CloudWatch::Alarm"))


def _own(snapshot: Snapshot) -> Iterator[Alarm]:
    """Yields the alarms of the stacks, those of scaling first."""
    yield from sorted(snapshot.alarms.values(), key=lambda alarm: (not _scales(alarm), alarm.name))


def _scales(alarm: Alarm) -> bool:
    return any(_SCALING in action for action in alarm.actions)


def _is_of_read_queue(snapshot: Snapshot, alarm: Alarm) -> bool:
    """Returns whether a DLQ was counted itself: its alarm looks back, and still fires when it has been emptied."""
    known = {url.rpartition("/")[2] for name, url in snapshot.names.outputs.items() if name.endswith("DeadLettersUrl")}
    return snapshot.knows("queues") and any(
        watched.namespace == _QUEUES and watched.dimensions.get("QueueName") in known for watched in alarm.watched
    )


def _short(snapshot: Snapshot, name: str) -> str:
    """Returns the logical id of an alarm without its hash, as docs/operations.md names it."""
    found = (each.logical_id for each in _deployed(snapshot) if each.physical_id == name)
    return _HASH.sub("", next(found, name))
