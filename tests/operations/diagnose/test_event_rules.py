"""Which rule of EventBridge is named, as what, and by which command it works again."""

from dataclasses import replace
from typing import Any

import pytest

from async_endpoint.operations.diagnose.diagnosis import diagnose
from tests.support.diagnosed import NAME, NAMES, RULES_OF_EVENTS, changed, function, rule

FUNCTIONS = "arn:aws:lambda:ap-northeast-1:000000000000:function"
SQS = "arn:aws:sqs:ap-northeast-1:000000000000"


@pytest.mark.parametrize("found", ["disabled", "reaches-nothing"])
def test_the_rule_of_uploads_is_named_before_the_others(found: str) -> None:
    others = replace(rule("WatchdogScheduleD5E067EF"), state="DISABLED" if found == "disabled" else "ENABLED")
    uploads = replace(others, logical_id="Uploads4F6EB0FD")
    causes = [each.cause for each in diagnose(changed(rules=(others, uploads))).findings]
    assert [each for each in causes if each.endswith(found)] == [f"uploads-rule-{found}"]


@pytest.mark.parametrize("state", ["DISABLED", "ENABLED"])
def test_the_rule_of_the_webhook_is_not_that_of_the_notifier_which_still_announces(state: str) -> None:
    (first, *_) = diagnose(changed(rules=(replace(rule("NotifierWebhookRule0C5A1E2D"), state=state),))).findings
    assert first.text.startswith("The rule of the webhook ")
    assert first.text.endswith(": outcomes did not reach the webhook.")
    assert first.runbook == "the-webhook-fails"


@pytest.mark.parametrize("logical_id", ["Uploads4F6EB0FD", "WatchdogScheduleD5E067EF"])
@pytest.mark.parametrize(
    ("state", "fix"),
    [
        ("DISABLED", "aws events enable-rule --name "),
        ("Missing", "Destroy the workflow stack and deploy it again: make deploy"),
    ],
)
def test_a_rule_that_is_off_is_enabled_and_one_that_is_gone_deployed_again(
    logical_id: str, state: str, fix: str
) -> None:
    (first, *_) = diagnose(changed(rules=(replace(rule(logical_id), state=state),))).findings
    assert str(first.fix).startswith(fix)


def test_what_may_not_be_invoked_is_allowed_it_for_the_one_rule() -> None:
    fed = replace(rule("ReconcilerSchedule268E3F59"), targets=(f"{FUNCTIONS}:reconciler",))
    closed = (function("Reconciler", takes_events=False),)
    (first, *_) = diagnose(changed(rules=(fed,), functions=closed)).findings
    assert first.fix == (
        "aws lambda add-permission --function-name reconciler --statement-id invoked-by-rule "
        "--action lambda:InvokeFunction --principal events.amazonaws.com "
        f"--source-arn {RULES_OF_EVENTS}/ReconcilerSchedule"
    )


@pytest.mark.parametrize(
    ("logical_id", "target"),
    [
        ("Uploads4F6EB0FD", f"Arn={SQS}:intake,DeadLetterConfig={{Arn={SQS}:intake-dead}}"),
        ("UrgentUploads5FBFD1E3", f"Arn={SQS}:urgent,DeadLetterConfig={{Arn={SQS}:urgent-dead}}"),
        ("WatchdogScheduleD5E067EF", f"Arn={FUNCTIONS}:watchdog"),
        ("ReconcilerSchedule268E3F59", f"Arn={FUNCTIONS}:reconciler"),
    ],
)
def test_a_rule_without_a_target_gets_that_of_the_stack(logical_id: str, target: str) -> None:
    (first, *_) = diagnose(changed(rules=(rule(logical_id),))).findings
    assert first.fix == f"aws events put-targets --rule {logical_id[:-8]} --targets 'Id=Target0,{target}'"


@pytest.mark.parametrize(
    "changes",
    [
        {"rules": (rule("NotifierWebhookRule0C5A1E2D"),)},  # its target has a role and an input of its own
        {"rules": (replace(rule("Uploads4F6EB0FD"), arn=""),)},
        {"rules": (rule("Uploads4F6EB0FD"),), "names": replace(NAMES, outputs={"EndpointName": NAME})},
        {"rules": (rule("WatchdogScheduleD5E067EF"),), "functions": ()},
        {"functions": (function("Watchdog", takes_events=False),)},  # the rule's ARN is not known
    ],
)
def test_a_rule_whose_parts_are_not_known_is_deployed_again(changes: dict[str, Any]) -> None:
    found = diagnose(changed(**changes)).findings
    (fix,) = [each.fix for each in found if each.cause.endswith("-rule-reaches-nothing")]
    assert fix == "Destroy the workflow stack and deploy it again: make deploy"
