"""Rules on the scalable target, its policies and its activities."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from async_endpoint.operations.diagnose.finding import Finding
from async_endpoint.operations.diagnose.rules.reasons import classify
from async_endpoint.operations.diagnose.rules.words import cut

if TYPE_CHECKING:
    from async_endpoint.operations.diagnose.snapshot import Snapshot

_RESOURCE = (
    "--service-namespace sagemaker --scalable-dimension sagemaker:variant:DesiredInstanceCount --resource-id {resource}"
)
_REGISTER = f"aws application-autoscaling register-scalable-target {_RESOURCE}"
_REDEPLOY = (
    "Set scaling.enabled = false and make deploy, then back to true and make deploy: CloudFormation restores no "
    "resource that it believes to exist"
)
_WAIT = "requests-wait-and-no-instance-comes"
_RECENT = timedelta(hours=1)
_AFTER = timedelta(minutes=2)
_UNSUCCESSFUL = frozenset({"Failed", "Unfulfilled"})
_SCALING_KINDS = frozenset({"no-capacity", "quota", "permission-missing"})


def _scales(snapshot: Snapshot) -> bool:
    """Returns whether the stacks have deployed scaling."""
    return bool(snapshot.names.of_type("AWS::ApplicationAutoScaling::ScalableTarget"))


def activity_failed(snapshot: Snapshot) -> Finding | None:
    """The newest scaling activity failed, so the endpoint has not the instances that it needs."""
    over = [each for each in snapshot.activities if not each.is_open and not each.is_conflict]
    endpoint = snapshot.endpoint
    if not over or over[0].status not in _UNSUCCESSFUL or endpoint is None:
        return None
    newest = over[0]
    # A change after it has worked: a submission wakes the endpoint without an activity.
    is_overtaken = endpoint.running > 0 and endpoint.changed_at - (newest.ended_at or newest.began_at) > _AFTER
    if is_overtaken or snapshot.clock - newest.began_at > _RECENT:
        return None
    kind = classify(newest.message)
    known = kind.cause in _SCALING_KINDS
    return Finding(
        cause=kind.cause if known else "scaling-failed",
        text=kind.text if known else "The last scaling activity did not succeed.",
        evidence=(f"Scaling activity “{newest.description}” is {newest.status}: {cut(newest.message)}",),
        fix=kind.advice
        if known
        else "aws application-autoscaling describe-scaling-activities --service-namespace sagemaker "
        "--resource-id {resource}",
        runbook=_WAIT,
    )


def target_deregistered(snapshot: Snapshot) -> Finding | None:
    """Without a scalable target nothing scales, and nothing wakes the endpoint."""
    if not _scales(snapshot) or not snapshot.knows("target") or snapshot.target or not snapshot.endpoint:
        return None
    return Finding(
        cause="target-deregistered",
        text="The endpoint's variant is no scalable target any more: nothing wakes it, and nothing stops it.",
        evidence=("DescribeScalableTargets finds none; the stack has one.",),
        fix=_REDEPLOY,
        runbook=_WAIT,
    )


def scaling_suspended(snapshot: Snapshot) -> Finding | None:
    """Somebody has suspended scaling."""
    target = snapshot.target
    if target is None:
        return None
    suspended = [
        name
        for name, is_suspended in (
            ("DynamicScalingInSuspended", target.in_suspended),
            ("DynamicScalingOutSuspended", target.out_suspended),
            ("ScheduledScalingSuspended", target.schedules_suspended),
        )
        if is_suspended
    ]
    if not suspended:
        return None
    effect = "not woken" if target.out_suspended else "not stopped" if target.in_suspended else "not scaled by schedule"
    values = ",".join(f"{name}=false" for name in suspended)
    return Finding(
        cause="scaling-suspended",
        text=f"Scaling is suspended at the scalable target: the endpoint is {effect}.",
        evidence=(f"{', '.join(suspended)}: true.",),
        fix=f"{_REGISTER} --suspended-state {values}",
        runbook=_WAIT if target.out_suspended else "instances-run-without-work",
    )


def no_instance_allowed(snapshot: Snapshot) -> Finding | None:
    """The scalable target's maximum is 0."""
    if snapshot.target is None or snapshot.target.maximum > 0:
        return None
    return Finding(
        cause="maximum-zero",
        text="The scalable target allows no instance.",
        evidence=("MaxCapacity is 0.",),
        fix=f"{_REGISTER} --max-capacity {_deployed_maximum(snapshot)}",
        runbook=_WAIT,
    )


def policy_deleted(snapshot: Snapshot) -> Finding | None:
    """A policy of the stack is gone: its alarm has nothing to trigger."""
    if not snapshot.knows("policies") or not (snapshot.target and snapshot.endpoint):
        return None
    existing = {policy.name for policy in snapshot.policies}
    missing = [name for name in _deployed_policies(snapshot) if name not in existing]
    if not missing:
        return None
    return Finding(
        cause="policy-deleted",
        text=f"The scaling policy {', '.join(missing)} is deleted: the endpoint does not scale as deployed.",
        evidence=("DescribeScalingPolicies does not list what the stack has.",),
        fix=_REDEPLOY,
        runbook=_WAIT,
    )


def policy_added(snapshot: Snapshot) -> Finding | None:
    """Somebody has added a policy: it scales as well, and may undo what the stack's policies do."""
    deployed = _deployed_policies(snapshot)
    added = [policy.name for policy in snapshot.policies if policy.name not in deployed]
    if not added or not deployed:
        return None
    return Finding(
        cause="policy-added",
        text=f"The scaling policy {added[0]} is not the stack's, and scales the endpoint as well.",
        evidence=(f"DescribeScalingPolicies lists what no stack has deployed: {', '.join(added)}.",),
        fix=f"aws application-autoscaling delete-scaling-policy {_RESOURCE} --policy-name {added[0]}",
        runbook="instances-run-without-work",
    )


def _deployed_policies(snapshot: Snapshot) -> list[str]:
    """Returns the names of the policies that the stacks have deployed."""
    deployed = snapshot.names.of_type("AWS::ApplicationAutoScaling::ScalingPolicy")
    return [each.physical_id.rpartition("policyName/")[2] for each in deployed]


def _deployed_maximum(snapshot: Snapshot) -> str:
    """Returns how many instances may run, as the intake function was deployed."""
    found = [
        function.environment["MAX_INSTANCES"]
        for function in snapshot.functions
        if "MAX_INSTANCES" in function.environment
    ]
    return found[0] if found else "1"
