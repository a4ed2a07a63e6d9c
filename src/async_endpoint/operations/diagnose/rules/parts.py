"""The parts of the workflow stack, as findings name them."""

from __future__ import annotations

# The webhook is within the notifier, so its prefix comes first.
PARTS = {
    "Intake": "intake", "Results": "results", "Reconciler": "reconciler", "NotifierWebhook": "webhook",
    "Notifier": "notifier", "Watchdog": "watchdog", "Urgent": "urgent",
}  # fmt: skip
"""The names of the parts, by what their resources' logical ids begin with."""
EFFECTS = {
    "intake": "documents are not submitted",
    "urgent": "urgent documents are not submitted",
    "results": "outcomes are not recorded",
    "reconciler": "jobs whose messages were lost stay open",
    "notifier": "outcomes are not announced",
    "watchdog": "nothing looks for instances without work",
    "events": "outcomes were not announced",
    "webhook": "outcomes did not reach the webhook",
}
"""What does not happen without a part, or did not happen to what is in its DLQ."""
WAIT = "messages-wait-too-long"
"""The runbook of most parts."""
DEPLOY_AGAIN = "Destroy the workflow stack and deploy it again: make deploy"
"""What restores a resource that CloudFormation believes to be as it was."""


def part_of(logical_id: str) -> str:
    """Returns the name of the part that a resource belongs to; its logical id if it belongs to none."""
    return next((name for prefix, name in PARTS.items() if logical_id.startswith(prefix)), logical_id)


def effect_of(part: str) -> str:
    """Returns what does not happen without a part."""
    return EFFECTS.get(part, "it does not run")
