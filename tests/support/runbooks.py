"""Which runbook each alarm of the stacks has, and the runbooks' own commands, as docs/operations.md has them."""

import re

from demo.deployment import ROOT

# Alarms by their logical ids without the hash. tests/end_to_end/test_alarms.py provokes each of these.
PROVOKED = {
    "AlarmsStuckAtZero": "requests-wait-and-no-instance-comes",
    "AlarmsOldestRequest": "requests-wait-too-long",
    "AlarmsFailures": "requests-fail",
    "AlarmsExpired": "requests-expire",
    "AlarmsNotificationFailures": "notifications-or-uploads-fail",
    "AlarmsUploadFailures": "notifications-or-uploads-fail",
    "AlarmsIdleInstances": "instances-run-without-work",
    "RollbackAlarmsFailedInvocations": "a-deploy-that-rolled-back",
    "RollbackAlarmsModelErrors": "a-deploy-that-rolled-back",
    "WatchdogErrors": "the-watchdog-fails",
    "WatchdogNotInvoked": "the-watchdog-fails",
    "ReconcilerErrors": "the-reconciler-fails",
    "ReconcilerNotInvoked": "the-reconciler-fails",
    "ReconcilerOverdue": "jobs-stay-submitted",
    "IntakeAlarm": "messages-were-dead-lettered",
    "UrgentAlarm": "messages-were-dead-lettered",
    "ResultsAlarm": "messages-were-dead-lettered",
    "IntakeWaiting": "messages-wait-too-long",
    "UrgentWaiting": "messages-wait-too-long",
    "ResultsWaiting": "messages-wait-too-long",
    "IntakeErrors": "a-function-breaks",
    "ResultsErrors": "a-function-breaks",
    "NotifierErrors": "a-function-breaks",
    "NotifierAlarm": "outcomes-were-not-announced",
    "NotifierWaiting": "outcomes-are-announced-late",
}
# tests/end_to_end/test_notifying.py provokes this one: only a stage with a webhook has it.
OF_THE_WEBHOOK = {"NotifierWebhookAlarm": "the-webhook-fails"}
# These start and stop instances, notify nobody, and have no runbook. They act in the same tests.
SCALE = frozenset({"ScalingWakeAlarm", "ScalingSleepAlarm"})

_SECTION = re.compile(r"^## (?P<title>.+?)\n(?P<text>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_LAST_BLOCK = re.compile(r"^```\n(?P<commands>[^`]+)^```\s*\Z", re.MULTILINE)
_COMMANDS_WITH_MORE = ("dlq",)  # they have commands of their own


def sections() -> dict[str, str]:
    """The sections of docs/operations.md by their anchors."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    return {each["title"].lower().replace(" ", "-"): each["text"] for each in _SECTION.finditer(text)}


def last_commands(section: str) -> list[str]:
    """The lines of the block at a section's end; none if something else is there."""
    found = _LAST_BLOCK.search(section)
    return found["commands"].splitlines() if found else []


def verbs(section: str) -> set[str]:
    """The commands of the block at a section's end, without their arguments: {"redrive", "dlq list"}."""
    found = set()
    for line in last_commands(section):
        _, command, *more = line.split()
        found.add(f"{command} {more[0]}" if command in _COMMANDS_WITH_MORE else command)
    return found
