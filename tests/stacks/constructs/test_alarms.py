import json

import pytest

from tests.stacks.templates import StacksOf


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
        "NotifierAlarm", "NotifierWaiting", "NotifierErrors",
        "ReconcilerErrors", "ReconcilerNotInvoked", "WatchdogErrors", "WatchdogNotInvoked",
    }  # fmt: skip
