"""Rules of a diagnosis on the rules of EventBridge: of uploads, of the webhook, and of the functions on a schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from async_endpoint.operations.diagnose.finding import Finding
from async_endpoint.operations.diagnose.rules.parts import DEPLOY_AGAIN, WAIT, effect_of, part_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from async_endpoint.operations.diagnose.facts import RuleFacts
    from async_endpoint.operations.diagnose.snapshot import Snapshot

_INBOX = "inbox"
_MISSING = "Missing"
_RUNBOOKS = {
    "watchdog": "the-watchdog-fails",
    "reconciler": "the-reconciler-fails",
    "webhook": "the-webhook-fails",
}


def rule_disabled(snapshot: Snapshot) -> Finding | None:
    """A rule of EventBridge is off or gone: of uploads, of the watchdog, of the reconciler, or of the webhook."""
    for rule in _uploads_first(snapshot.rules):
        if rule.state.startswith("ENABLED"):
            continue
        part, effect = _part_of_rule(rule)
        return Finding(
            cause=f"{'uploads-rule' if part == _INBOX else part}-disabled",
            text=f"The rule of the {part} is {rule.state.lower()}: {effect}.",
            evidence=(f"DescribeRule: {rule.name} is {rule.state}.",),
            fix=DEPLOY_AGAIN if rule.state == _MISSING else f"aws events enable-rule --name {rule.name}",
            runbook=_RUNBOOKS.get(part, WAIT),
        )
    return None


def rule_reaches_nothing(snapshot: Snapshot) -> Finding | None:
    """A rule has no target, or may not invoke the function that is its target."""
    closed = {function.name for function in snapshot.functions if not function.takes_events}
    for rule in _uploads_first(snapshot.rules):
        functions = [arn.rpartition(":")[2] for arn in rule.targets if ":function:" in arn]
        denied = [name for name in functions if name in closed]
        if rule.state == _MISSING or (rule.targets and not denied):
            continue
        part, effect = _part_of_rule(rule)
        if denied:
            text = f"EventBridge may not invoke the function of the {part}: {effect}."
            evidence = f"GetPolicy: nothing allows lambda:InvokeFunction on {denied[0]}, or something denies it."
            fix = _allow(rule, denied[0])
        else:
            text = f"The rule of the {part} has no target: {effect}."
            evidence = f"ListTargetsByRule: {rule.name} has none."
            fix = _put_target(rule, part, snapshot)
        return Finding(
            cause=f"{'uploads' if part == _INBOX else part}-rule-reaches-nothing",
            text=text,
            evidence=(evidence,),
            fix=fix,
            runbook=_RUNBOOKS.get(part, WAIT),
        )
    return None


def _uploads_first(rules: Iterable[RuleFacts]) -> list[RuleFacts]:
    return sorted(rules, key=lambda rule: "Uploads" not in rule.logical_id)


def _part_of_rule(rule: RuleFacts) -> tuple[str, str]:
    """Returns the part that a rule of EventBridge feeds, and what does not happen without it."""
    if "Uploads" in rule.logical_id:
        return _INBOX, "uploads are not noticed"
    part = part_of(rule.logical_id)
    return part, effect_of(part)


def _allow(rule: RuleFacts, function: str) -> str:
    """Returns the command that lets a rule invoke a function."""
    if not rule.arn:
        return DEPLOY_AGAIN
    return (
        f"aws lambda add-permission --function-name {function} --statement-id invoked-by-rule "
        f"--action lambda:InvokeFunction --principal events.amazonaws.com --source-arn {rule.arn}"
    )


def _put_target(rule: RuleFacts, part: str, snapshot: Snapshot) -> str:
    """Returns the command that gives a rule the target of the stack.

    The webhook's target has a role and an input besides, which only the stack knows.
    """
    if not rule.arn:
        return DEPLOY_AGAIN
    target = _queue_target(rule, snapshot) if part == _INBOX else _function_target(rule, part, snapshot)
    return f"aws events put-targets --rule {rule.name} --targets 'Id=Target0,{target}'" if target else DEPLOY_AGAIN


def _queue_target(rule: RuleFacts, snapshot: Snapshot) -> str | None:
    """Returns the queue of uploads with its DLQ; None if the stacks' outputs do not name both."""
    lane = "Urgent" if rule.logical_id.startswith("Urgent") else "Intake"
    outputs = snapshot.names.outputs
    queue, dead = (outputs.get(f"{lane}{kind}Url", "").rpartition("/")[2] for kind in ("Queue", "DeadLetters"))
    if not queue or not dead:
        return None
    return f"Arn={_beside(rule, 'sqs', queue)},DeadLetterConfig={{Arn={_beside(rule, 'sqs', dead)}}}"


def _function_target(rule: RuleFacts, part: str, snapshot: Snapshot) -> str | None:
    """Returns the function of a part; None if it has none."""
    names = [function.name for function in snapshot.functions if part_of(function.logical_id) == part]
    return f"Arn={_beside(rule, 'lambda', f'function:{names[0]}')}" if names else None


def _beside(rule: RuleFacts, service: str, name: str) -> str:
    """Returns the ARN of a resource in the rule's partition, region and account."""
    _, partition, _, region, account, _ = rule.arn.split(":", 5)
    return f"arn:{partition}:{service}:{region}:{account}:{name}"
