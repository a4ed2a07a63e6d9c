"""Each alarm has a runbook that names it and ends in commands of ours, and a test that provokes it."""

import re

import pytest
from aws_cdk.assertions import Template

from tests.stacks.templates import StacksOf, StacksWith
from tests.support.runbooks import OF_THE_WEBHOOK, PROVOKED, SCALE, last_commands, sections

RUNBOOK = re.compile(r"docs/operations\.md#([a-z-]+)")
WEBHOOK = {"notifications__webhook_url": "https://example.com/", "notifications__webhook_secret": "secret"}


def runbooks_of(stacks: dict[str, Template]) -> dict[str, str | None]:
    """The runbook of each alarm, by the alarm's logical id without the hash; None if its description names none."""
    found = {
        logical_id[:-8]: RUNBOOK.search(str(alarm["Properties"]["AlarmDescription"]))
        for template in stacks.values()
        for logical_id, alarm in template.find_resources("AWS::CloudWatch::Alarm").items()
    }
    return {name: match[1] if match else None for name, match in found.items()}


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_each_alarm_is_provoked_and_has_the_runbook_that_is_tried(stacks_of: StacksOf, stage: str) -> None:
    assert runbooks_of(stacks_of(stage)) == PROVOKED | dict.fromkeys(SCALE)


def test_with_a_webhook_there_is_one_more(stacks_with: StacksWith) -> None:
    assert runbooks_of(stacks_with(**WEBHOOK)) == PROVOKED | dict.fromkeys(SCALE) | OF_THE_WEBHOOK


@pytest.mark.parametrize(("alarm", "runbook"), (PROVOKED | OF_THE_WEBHOOK).items())
def test_each_runbook_names_its_alarm_and_ends_in_commands_of_ours(alarm: str, runbook: str) -> None:
    section = sections()[runbook]
    assert f"`{alarm}`" in section
    commands = last_commands(section)
    assert commands
    assert all(line.startswith("async-endpoint ") for line in commands)
