import json
import re

import pytest
from aws_cdk.assertions import Template

from tests.stacks.templates import StacksOf, StacksWith, by_id_prefix


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_every_alarm_but_those_of_scaling_notifies_the_topic_and_names_its_runbook(
    stacks_of: StacksOf, stage: str
) -> None:
    notifying = set()
    for template in stacks_of(stage).values():
        for name, alarm in template.find_resources("AWS::CloudWatch::Alarm").items():
            if name.startswith("Scaling"):
                continue
            assert "AlarmsTopic" in json.dumps(alarm["Properties"]["AlarmActions"])
            assert "Runbook: docs/operations.md#" in json.dumps(alarm["Properties"]["AlarmDescription"])
            assert alarm["Properties"]["TreatMissingData"] == "notBreaching"
            notifying.add(name.removesuffix(name[-8:]))
    assert notifying == {
        "RollbackAlarmsFailedInvocations", "RollbackAlarmsModelErrors",
        "AlarmsStuckAtZero", "AlarmsOldestRequest", "AlarmsFailures", "AlarmsExpired",
        "AlarmsNotificationFailures", "AlarmsUploadFailures", "AlarmsIdleInstances",
        "IntakeAlarm", "IntakeWaiting", "IntakeErrors", "ResultsAlarm", "ResultsWaiting", "ResultsErrors",
        "NotifierAlarm", "NotifierErrors", "NotifierWaiting", "ReconcilerErrors",
        "ReconcilerNotInvoked", "ReconcilerOverdue", "WatchdogErrors", "WatchdogNotInvoked",
        "UrgentAlarm", "UrgentWaiting",
    }  # fmt: skip


PAGE = "https://example.com/blob/main/docs/operations.md"


def descriptions(template: Template) -> list[str]:
    alarms = template.find_resources("AWS::CloudWatch::Alarm").items()
    return [
        json.dumps(alarm["Properties"]["AlarmDescription"]) for name, alarm in alarms if not name.startswith("Scaling")
    ]


def test_with_a_page_every_alarm_and_the_watchdog_link_to_their_runbooks(stacks_with: StacksWith) -> None:
    stacks = stacks_with(alarms__runbook_url=PAGE)
    found = [text for template in stacks.values() for text in descriptions(template)]
    assert len(found) == 25
    assert all(re.search(rf'Runbook: {re.escape(PAGE)}#[a-z-]+"', text) for text in found)
    watchdog = by_id_prefix(stacks["Workflow"], "AWS::Lambda::Function", "WatchdogFunction")["Properties"]
    assert watchdog["Environment"]["Variables"]["RUNBOOK"] == f"{PAGE}#instances-run-without-work"


def test_without_one_an_alarm_names_file_section_and_the_setting(endpoint: Template) -> None:
    assert all(
        text.endswith(' in the repository of this stage (alarms.runbook_url makes this a link)"')
        for text in descriptions(endpoint)
    )
