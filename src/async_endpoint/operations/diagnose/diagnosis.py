"""Applies the rules to a snapshot, the most likely cause first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from async_endpoint.operations.diagnose.finding import Severity
from async_endpoint.operations.diagnose.rules import (
    alarms,
    data,
    endpoint,
    event_rules,
    jobs,
    load,
    scaling,
    topics,
    workflow,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from async_endpoint.operations.diagnose.finding import Finding
    from async_endpoint.operations.diagnose.snapshot import Snapshot


# What only shows that something is wrong; left out where another finding says what.
_EFFECTS = frozenset({"alarm", "not-waking", "metrics-late"})

# What stops everything comes first, then what stops a part, then what only its effects show: the jobs, the load, and
# an alarm that no other rule explains.
RULES: tuple[Callable[[Snapshot], Finding | None], ...] = (
    data.table_deleted,
    data.key_disabled,
    data.bucket_missing,
    workflow.queue_missing,
    workflow.queue_closed,
    endpoint.endpoint_missing,
    endpoint.endpoint_failed,
    endpoint.archive_missing,
    endpoint.role_without_policy,
    endpoint.role_denied,
    data.bucket_denies,
    scaling.target_deregistered,
    scaling.scaling_suspended,
    scaling.no_instance_allowed,
    scaling.policy_deleted,
    alarms.alarm_missing,
    alarms.policy_alarm_missing,
    alarms.wrong_dimension,
    alarms.actions_disabled,
    alarms.action_lost,
    scaling.policy_added,
    endpoint.endpoint_stuck,
    scaling.activity_failed,
    endpoint.deployment_failed,
    endpoint.deployment_rolled_back,
    endpoint.drift,
    data.inbox_silent,
    workflow.function_broken,
    workflow.function_throttled,
    workflow.mapping_disabled,
    event_rules.rule_disabled,
    event_rules.rule_reaches_nothing,
    topics.subscription_missing,
    workflow.queue_without_dlq,
    workflow.dead_letters,
    jobs.jobs_fail,
    endpoint.log_reports,
    jobs.reconciler_overdue,
    workflow.function_errors,
    workflow.not_woken,
    load.stuck_at_zero,
    load.model_slow,
    load.too_few_instances,
    load.never_sleeps,
    alarms.nobody_notified,
    alarms.alarm_fires,
    jobs.waits_for_admission,
    endpoint.changing,
    jobs.metrics_late,
    load.kept_awake,
)


@dataclass(frozen=True)
class Diagnosis:
    """What the rules found: faults first, then what is normal."""

    snapshot: Snapshot
    findings: tuple[Finding, ...]

    @property
    def faults(self) -> tuple[Finding, ...]:
        """The findings on which somebody has to act."""
        return tuple(each for each in self.findings if each.severity is Severity.FAULT)


def diagnose(snapshot: Snapshot) -> Diagnosis:
    """Returns what is wrong, the most likely cause first; each cause once."""
    found: dict[str, Finding] = {}
    for rule in RULES:
        finding = rule(snapshot)
        if finding is not None and finding.cause not in found:
            found[finding.cause] = with_names(finding, snapshot)
    ordered = sorted(found.values(), key=lambda each: each.severity is not Severity.FAULT)
    if any(each.severity is Severity.FAULT and each.cause not in _EFFECTS for each in ordered):
        ordered = [each for each in ordered if each.cause not in _EFFECTS]
    return Diagnosis(snapshot, tuple(ordered))


def with_names(finding: Finding, snapshot: Snapshot) -> Finding:
    """Returns the finding with the stage's names in its command."""
    if not finding.fix:
        return finding
    endpoint_name = snapshot.names.endpoint
    values = {
        "{label}": snapshot.names.label,
        "{endpoint}": endpoint_name,
        "{resource}": f"endpoint/{endpoint_name}/variant/AllTraffic",
        "{{": "{",
        "}}": "}",
    }
    fix = finding.fix
    for placeholder, value in values.items():
        fix = fix.replace(placeholder, value)
    return replace(finding, fix=fix)
