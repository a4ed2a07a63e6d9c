"""Scaling activities, in the words of AWS."""

from tests.autoscaling.fleet import LOAD, START, Fleet


def test_an_activity_is_worded_as_aws_words_it() -> None:
    fleet = Fleet(busy_for=150)
    fleet.alarm("busy", LOAD, fleet.step_policy("wake"))
    fleet.minutes(1)
    (activity,) = fleet.scaler.activities()
    assert activity["Description"] == "Setting desired instance count to 1."
    assert activity["Cause"] == "monitor alarm busy in state ALARM triggered policy wake"
    assert (activity["StatusCode"], activity["StartTime"]) == ("InProgress", START + 60)
    assert activity["StatusMessage"] == (
        "Successfully set desired instance count to 1. Waiting for change to be fulfilled by sagemaker."
    )
    assert "EndTime" not in activity
    fleet.minutes(0, 0, 0)
    (activity,) = fleet.scaler.activities()
    assert (activity["StatusCode"], activity["EndTime"]) == ("Successful", START + 240)
    assert activity["StatusMessage"] == (
        "Successfully set desired instance count to 1. Change successfully fulfilled by sagemaker."
    )


def test_a_rejected_change_is_a_failed_activity_and_starts_no_cooldown() -> None:
    fleet = Fleet()
    fleet.alarm("busy", LOAD, fleet.step_policy())
    fleet.endpoint.refusal = "The account-level service limit is 0 Instances."
    fleet.minutes(1)
    fleet.endpoint.refusal = None
    fleet.minutes(1)
    newest, oldest = fleet.scaler.activities()
    assert oldest["StatusCode"] == "Failed"
    assert oldest["StatusMessage"] == (
        "Failed to set desired instance count to 1. Reason: The account-level service limit is 0 Instances."
    )
    assert newest["StatusCode"] == "Successful"
    assert fleet.endpoint.changes == [(120, 1)]
