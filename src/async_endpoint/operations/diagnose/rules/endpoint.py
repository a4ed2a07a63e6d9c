"""Rules on the endpoint, its configuration, its model and its role."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from async_endpoint.operations.diagnose.finding import Finding, normal
from async_endpoint.operations.diagnose.metrics import OLDEST
from async_endpoint.operations.diagnose.rules.reasons import OTHER, classify
from async_endpoint.operations.diagnose.rules.words import counted, cut, lasting, show_log

if TYPE_CHECKING:
    from async_endpoint.operations.diagnose.snapshot import Snapshot

IN_SERVICE = "InService"
CHANGING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack"})
_BROKEN = frozenset({"Failed", "UpdateRollbackFailed", "OutOfService"})
# A cold start takes minutes; stalled capacity was seen to hold an endpoint for 34: docs/evidence.md.
_LONG = timedelta(minutes=25)
# https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackStack.html
_CAN_ROLL_BACK = frozenset({"CREATE_FAILED", "UPDATE_FAILED"})
_NOTHING_TO_SAY = frozenset({OTHER.cause, "model-fails", "expired"})


def endpoint_missing(snapshot: Snapshot) -> Finding | None:
    """The stacks have an endpoint, and SageMaker has none."""
    if not snapshot.knows("endpoint") or snapshot.endpoint:
        return None
    if not snapshot.names.endpoint:
        return Finding(
            cause="endpoint-missing",
            text="The stage has no endpoint stack: documents wait in the intake queue.",
            evidence=(f"Its stacks are {', '.join(snapshot.names.statuses)}.",),
            fix="make deploy",
            runbook="messages-wait-too-long",
        )
    return Finding(
        cause="endpoint-missing",
        text=f"The endpoint {snapshot.names.endpoint} does not exist, although its stack has it.",
        evidence=("DescribeEndpoint finds none.",),
        fix="make destroy, then make deploy: CloudFormation does not create what it believes to exist",
        runbook="requests-wait-and-no-instance-comes",
    )


def endpoint_failed(snapshot: Snapshot) -> Finding | None:
    """The endpoint is in a state that it does not leave by itself."""
    endpoint = snapshot.endpoint
    if endpoint is None or endpoint.status not in _BROKEN:
        return None
    kind = classify(endpoint.failure_reason or "")
    special = kind.cause not in _NOTHING_TO_SAY
    return Finding(
        cause=kind.cause if special else "endpoint-failed",
        text=f"The endpoint is {endpoint.status}." + (f" {kind.text}" if special else ""),
        evidence=(f"FailureReason: {cut(endpoint.failure_reason or 'none')}",),
        fix="Fix the reason, then: make destroy, then make deploy"
        + (". SageMaker can only delete a Failed endpoint" if endpoint.status == "Failed" else ""),
        runbook="instances-run-without-work",
    )


def endpoint_stuck(snapshot: Snapshot) -> Finding | None:
    """A change of the endpoint has taken too long: scaling waits for it."""
    endpoint = snapshot.endpoint
    if endpoint is None or endpoint.status not in CHANGING:
        return None
    if (lasts := _changes_for(snapshot)) < _LONG:
        return None
    shown = f"It has been {endpoint.status} for {lasting(lasts)}"
    evidence = [f"{shown}, with {endpoint.running} of {counted(endpoint.desired, 'instance')}."]
    evidence += [
        f"Scaling activity: {cut(each.message)}" for each in snapshot.activities[:1] if each.status != "Successful"
    ]
    return Finding(
        cause="endpoint-stuck",
        text=f"The endpoint has been {endpoint.status} for too long: the instances probably find no capacity.",
        evidence=tuple(evidence),
        fix="Name other types in endpoint.fallback_instance_types, then make deploy. If its log shows a container that "
        "starts, it is that: " + show_log("/aws/sagemaker/Endpoints/{endpoint}"),
        runbook="requests-wait-and-no-instance-comes",
    )


def _changes_for(snapshot: Snapshot) -> timedelta:
    """Returns for how long the endpoint has been changing, at least.

    LastModifiedTime need not move when a change begins: it may be that of the change before. SageMaker shows when a
    deployment began, and Application Auto Scaling when a change of its own did. Any other change of capacity, such as
    that of a submission, shows nothing; then it began after the oldest request that waits for it. An activity may be
    open that another change has overtaken, so the later of the two counts.
    """
    endpoint = snapshot.endpoint
    if endpoint is None:
        return timedelta()
    newest = next((each for each in snapshot.activities if not each.is_conflict), None)
    begun = [newest.began_at] if newest and newest.is_open else []
    if (oldest := snapshot.latest(OLDEST)) is not None:
        begun.append(snapshot.clock - timedelta(seconds=oldest))
    return snapshot.clock - max(endpoint.changed_at, endpoint.pending_since or max(begun, default=snapshot.clock))


def archive_missing(snapshot: Snapshot) -> Finding | None:
    """New instances cannot start without the model's archive."""
    if snapshot.archive_exists is not False or snapshot.model is None:
        return None
    return Finding(
        cause="archive-missing",
        text="The model's archive is not in S3, so no new instance can start.",
        evidence=(f"{snapshot.model.archive} does not exist.",),
        fix="make deploy, which uploads it again; an archive of your own: upload it to that location",
        runbook="requests-wait-and-no-instance-comes",
    )


def role_without_policy(snapshot: Snapshot) -> Finding | None:
    """The execution role lacks its policy, or is gone."""
    if not snapshot.knows("role_policies", "model") or not (role := _own_role(snapshot)):
        return None
    if snapshot.role_policies is None:
        return _role_finding("make destroy, then make deploy", f"IAM has no role {role}.")
    missing = [arn for arn in _execution_policies(snapshot) if arn not in snapshot.role_policies]
    if not missing:
        return None
    fix = f"aws iam attach-role-policy --role-name {role} --policy-arn {missing[0]}"
    return _role_finding(fix, f"Role {role} does not have {missing[0]}.")


def role_denied(snapshot: Snapshot) -> Finding | None:
    """The execution role has its policy, which was changed, or something else denies what the endpoint needs."""
    role = _own_role(snapshot)
    if not snapshot.role_lacks or not role or role_without_policy(snapshot):
        return None
    listed = "".join(f", aws iam list-policy-versions --policy-arn {arn}" for arn in _execution_policies(snapshot))
    fix = (
        f"Find what was changed: aws iam list-role-policies --role-name {role}, aws iam list-attached-role-policies "
        f"--role-name {role}, aws iam get-role --role-name {role} (its PermissionsBoundary){listed}. Then aws iam "
        "delete-role-policy or aws iam detach-role-policy takes a denial out, aws iam "
        "delete-role-permissions-boundary a boundary, and aws iam set-default-policy-version puts a version back. "
        "If nothing was changed, a service control policy may deny it"
    )
    return _role_finding(fix, *snapshot.role_lacks)


def _own_role(snapshot: Snapshot) -> str | None:
    """Returns the name of the execution role; None if the stacks have not deployed it."""
    role = snapshot.model.role.rpartition("/")[2] if snapshot.model else None
    deployed = {each.physical_id for each in snapshot.names.of_type("AWS::IAM::Role")}
    return role if role in deployed else None


def _execution_policies(snapshot: Snapshot) -> list[str]:
    """Returns the ARNs of the policies that the stacks have deployed for the execution role."""
    policies = snapshot.names.of_type("AWS::IAM::ManagedPolicy")
    return [each.physical_id for each in policies if each.logical_id.startswith("Execution")]


def _role_finding(fix: str, *evidence: str) -> Finding:
    return Finding(
        cause="permission-missing",
        text="The endpoint's execution role lacks permissions.",
        evidence=evidence,
        fix=fix,
        runbook="notifications-or-uploads-fail",
    )


def deployment_failed(snapshot: Snapshot) -> Finding | None:
    """The last deployment failed, and CloudFormation has not rolled it back: as with `cdk deploy --no-rollback`."""
    failed = _failed_stacks(snapshot)
    if not failed:
        return None
    name, status = failed[0]
    text = "The last deployment failed and was not rolled back: the stage is between two versions."
    if status == "DELETE_FAILED":
        text, mend = "A part of the stage could not be deleted.", "make destroy"
    elif status == "UPDATE_ROLLBACK_FAILED":
        mend = f"aws cloudformation continue-update-rollback --stack-name {name}"
    elif status in _CAN_ROLL_BACK:
        mend = f"make deploy; or back to the version before: aws cloudformation rollback-stack --stack-name {name}"
    else:
        text = "The first deployment failed, and so did its rollback: the stage is incomplete."
        mend = "make destroy, then make deploy"
    shown = [name for name, _ in failed] + _rolled_back_stacks(snapshot)
    return Finding(
        cause="deployment-failed",
        text=text,
        evidence=(*_of_stacks(snapshot, list(dict.fromkeys(shown))), *_reverted(snapshot)),
        fix=f"Fix the reason, then: {mend}",
        runbook="a-deploy-that-rolled-back",
    )


def deployment_rolled_back(snapshot: Snapshot) -> Finding | None:
    """The last deployment was rolled back: what serves is not what was deployed."""
    if _failed_stacks(snapshot):
        return None
    rolled = _rolled_back_stacks(snapshot)
    reverted = _reverted(snapshot)
    if not rolled and not reverted:
        return None
    evidence = [*_of_stacks(snapshot, rolled), *reverted]
    return Finding(
        cause="deployment-rolled-back",
        text="The last deployment was rolled back: the version before it serves.",
        evidence=tuple(evidence),
        fix="Fix the reason and deploy again: make deploy",
        runbook="a-deploy-that-rolled-back",
    )


def drift(snapshot: Snapshot) -> Finding | None:
    """Another configuration serves than the deployed one."""
    endpoint = snapshot.endpoint
    if endpoint is None or not _drifts(snapshot) or endpoint.status != IN_SERVICE or _failed_stacks(snapshot):
        return None
    return Finding(
        cause="drift",
        text="The endpoint does not serve the configuration that its stack has deployed.",
        evidence=(f"It serves {endpoint.config}; the stack has {snapshot.names.deployed_config}.",),
        fix="aws sagemaker update-endpoint --endpoint-name {endpoint} --retain-all-variant-properties "
        f"--endpoint-config-name {snapshot.names.deployed_config}",
        runbook="a-deploy-that-rolled-back",
    )


def _failed_stacks(snapshot: Snapshot) -> list[tuple[str, str]]:
    """Returns the stacks, with their status, whose last operation failed and was not undone."""
    return [(name, status) for name, status in snapshot.names.statuses.items() if status.endswith("_FAILED")]


def _rolled_back_stacks(snapshot: Snapshot) -> list[str]:
    return [name for name, status in snapshot.names.statuses.items() if "ROLLBACK" in status]


def _of_stacks(snapshot: Snapshot, names: list[str]) -> list[str]:
    """Returns the status of each of these stacks, then why each has it, as sentences."""
    statuses = [f"Stack {name} is {snapshot.names.statuses[name]}." for name in names]
    return statuses + [cut(snapshot.stack_reasons[name]) for name in names if name in snapshot.stack_reasons]


def _reverted(snapshot: Snapshot) -> tuple[str, ...]:
    """Returns why SageMaker has put the configuration before back, as a sentence; nothing if it has not."""
    endpoint = snapshot.endpoint
    if endpoint is None or not endpoint.failure_reason or endpoint.status != IN_SERVICE or not _drifts(snapshot):
        return ()
    return (f"FailureReason: {cut(endpoint.failure_reason)}",)


def _drifts(snapshot: Snapshot) -> bool:
    deployed = snapshot.names.deployed_config
    return bool(snapshot.endpoint and deployed and snapshot.endpoint.config != deployed)


def log_reports(snapshot: Snapshot) -> Finding | None:
    """The endpoint's own log reports a crash."""
    for line in snapshot.endpoint_errors:
        kind = classify(line)
        if kind.cause in {"out-of-memory", "worker-died", "permission-missing"}:
            return Finding(
                cause=kind.cause,
                text=kind.text,
                evidence=(f"The endpoint's log: {cut(line)}",),
                fix=kind.advice,
                runbook=kind.runbook,
            )
    return None


def changing(snapshot: Snapshot) -> Finding | None:
    """A change of the endpoint is in progress, and has not taken long."""
    endpoint = snapshot.endpoint
    if endpoint is None or endpoint.status not in CHANGING or _changes_for(snapshot) >= _LONG:
        return None
    if endpoint.desired > endpoint.running and not endpoint.running and endpoint.status == "Updating":
        lasts = _changes_for(snapshot)
        shown = f" for {lasting(lasts)}" if lasts else ""  # what is unknown is no time
        return normal(
            "waking",
            "The endpoint is waking: its instances start. A cold start takes minutes.",
            f"It has been Updating from {endpoint.running} to {counted(endpoint.desired, 'instance')}{shown}.",
            fix="Wait.",
        )
    return normal(
        "changing",
        f"The endpoint is {endpoint.status}: a deployment or scaling changes it, and scaling waits meanwhile.",
        f"It has {endpoint.running} of {counted(endpoint.desired, 'instance')}.",
        fix="Wait.",
    )
