import pytest

from stacks.settings.workflow import WorkflowSettings
from tests.stacks.settings.checks import check_range, check_switch, rejection


def test_the_workflow_is_on_or_off() -> None:
    check_switch(WorkflowSettings, "enabled")


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("job_retention_days", 1, 3650),
        ("max_attempts", 1, 1000),
        ("batch_size", 1, 10),
        ("max_concurrency", 2, 1000),
        ("timeout_seconds", 3, 900),
        ("memory_mb", 128, 10_240),
    ],
)
def test_every_number_has_a_range(name: str, low: int, high: int) -> None:
    others = {"timeout_seconds": 3} if name == "max_attempts" else {}
    check_range(WorkflowSettings, name, low=low, high=high, **others)


def test_a_message_has_its_last_try_before_its_queue_deletes_it() -> None:
    assert rejection(WorkflowSettings, max_attempts=97, timeout_seconds=900) == (
        "workflow.max_attempts is 97 and workflow.timeout_seconds 900; all tries of a message may take 6 days, and "
        "would take 6.1: lower the one or the other."
    )
    assert WorkflowSettings.from_table({"max_attempts": 96, "timeout_seconds": 900}).visibility_seconds == 5400
