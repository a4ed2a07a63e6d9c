"""The statuses of an endpoint: the drawn transitions, and no others."""

import threading

import pytest

from async_endpoint.clock import ManualClock
from async_endpoint.emulator.errors import AwsError, ValidationException
from async_endpoint.emulator.hosting.endpoint_status import NEXT, EndpointStatus, StatusTracker
from tests.emulator.fakes import START

ARN = "arn:aws:sagemaker:us-east-1:000000000000:endpoint/e"


@pytest.fixture
def tracker() -> StatusTracker:
    """The status of an endpoint that serves."""
    tracker = StatusTracker(ARN, ManualClock(START))
    tracker.begin_change()
    tracker.end_change(None, serves=True)
    return tracker


def test_every_status_leads_to_a_deletion_and_nothing_follows_it() -> None:
    assert NEXT.keys() == set(EndpointStatus)
    for status in EndpointStatus:
        reached, pending = set[EndpointStatus](), {status}
        while pending:
            reached |= pending
            pending = {following for each in pending for following in NEXT[each]} - reached
        assert EndpointStatus.DELETING in reached
    assert NEXT[EndpointStatus.DELETING] == frozenset()


def test_a_creation_that_fails_can_only_be_deleted() -> None:
    tracker = StatusTracker(ARN, ManualClock(START))
    tracker.begin_change()
    tracker.end_change("no weights", serves=False)
    assert (tracker.status, tracker.failure_reason) == ("Failed", "no weights")
    with pytest.raises(ValidationException, match="is Failed: it can only be deleted"):
        tracker.begin_change()
    tracker.begin_delete()
    assert tracker.status == "Deleting"


def test_an_update_that_is_rolled_back_returns_to_service_with_its_reason(tracker: StatusTracker) -> None:
    tracker.begin_change()
    tracker.roll_back("an alarm")
    assert (tracker.status, tracker.failure_reason) == ("RollingBack", "an alarm")
    tracker.end_change("an alarm", serves=True)
    assert (tracker.status, tracker.failure_reason) == ("InService", "an alarm")


def test_only_an_update_is_rolled_back(tracker: StatusTracker) -> None:
    tracker.roll_back("an alarm")
    assert (tracker.status, tracker.failure_reason) == ("InService", None)


def test_of_many_transitions_that_begin_at_once_one_does(tracker: StatusTracker) -> None:
    begun, rejected = [], []

    def begin() -> None:
        try:
            tracker.begin_change()
        except ValidationException as error:
            rejected.append(error.message)
        else:
            begun.append(tracker.status)

    threads = [threading.Thread(target=begin) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert begun == ["Updating"]
    assert rejected == [f'Cannot update in-progress endpoint "{ARN}".'] * 15
    assert not tracker.wait(0)


def test_a_stop_freezes_the_status_for_the_next_process(tracker: StatusTracker) -> None:
    tracker.begin_change()
    assert tracker.stop()
    assert not tracker.stop()
    tracker.end_change("the instances were stopped", serves=True)
    assert tracker.wait(0)
    state = tracker.state()
    assert (state["status"], state["failure_reason"]) == ("Updating", None)
    with pytest.raises(AwsError, match="The local AWS starts or stops"):
        tracker.begin_delete()


def test_a_restored_status_accepts_changes_after_it_is_resumed(tracker: StatusTracker) -> None:
    restored = StatusTracker(ARN, ManualClock(START + 60))
    restored.restore(tracker.state())
    with pytest.raises(AwsError, match="The local AWS starts or stops"):
        restored.begin_change()
    assert restored.resume()
    restored.begin_change()
    assert (restored.status, restored.created_at, restored.began_at) == ("Updating", START, START + 60)


def test_a_transition_that_is_not_drawn_is_a_defect(tracker: StatusTracker) -> None:
    tracker.begin_delete()
    with pytest.raises(RuntimeError, match="cannot change from Deleting to InService"):
        tracker.end_change(None, serves=True)
