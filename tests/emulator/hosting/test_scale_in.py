"""Scale-in: the newest instances go, and running requests may finish."""

import pytest

from tests.emulator.fakes import LIMIT, FakeInstance, eventually, within_limit
from tests.emulator.hosting.fleets import FakeFleet, unready


def test_scaling_in_removes_the_newest_and_settles_when_they_are_gone() -> None:
    fake = FakeFleet()
    fake.fleet.resize(3)
    fake.fleet.wait_until_settled(LIMIT)
    fake.fleet.resize(1)
    fake.fleet.wait_until_settled(LIMIT)
    oldest, *others = fake.launches.made
    assert oldest.alive
    assert all(instance.stopped.is_set() for instance in others)
    gone = [consumer for consumer in fake.consumers if consumer.instance is not oldest]
    assert all(consumer.stopped.is_set() and consumer.joined.is_set() for consumer in gone)
    within_limit(fake.fleet.stop, "the end of the fleet")


def test_scaling_in_lets_running_requests_end_and_stopping_does_not() -> None:
    fake = FakeFleet()
    fake.fleet.resize(2)
    fake.fleet.wait_until_settled(LIMIT)
    fake.fleet.resize(1)
    fake.fleet.wait_until_settled(LIMIT)
    oldest, newest = fake.launches.made
    assert (newest.drained, oldest.drained) == ([30.0], [])
    within_limit(fake.fleet.stop, "the end of the fleet")
    assert oldest.drained == []


def test_a_fleet_that_is_replaced_lets_running_requests_end() -> None:
    fake = FakeFleet()
    fake.fleet.resize(1)
    fake.fleet.wait_until_settled(LIMIT)
    within_limit(lambda: fake.fleet.stop(drain=True), "the end of the fleet")
    assert fake.launches.made[0].drained == [30.0]


def test_scaling_in_ends_instances_that_are_still_starting() -> None:
    fake = FakeFleet(default=unready)
    fake.fleet.resize(2)
    eventually(lambda: len(fake.launches.running) == 2, "both instances start")
    fake.fleet.resize(0)
    fake.fleet.wait_until_settled(LIMIT)
    assert not fake.launches.running
    assert not fake.consumers
    for instance in fake.launches.made:
        instance.ready.set()  # too late
    assert fake.fleet.running == 0


def test_an_instance_that_cannot_be_stopped_does_not_block_the_others(caplog: pytest.LogCaptureFixture) -> None:
    class Stubborn(FakeInstance):
        def stop(self) -> None:
            super().stop()
            raise RuntimeError("some process does not end")

    fake = FakeFleet(Stubborn(), FakeInstance())
    fake.fleet.resize(2)
    fake.fleet.wait_until_settled(LIMIT)
    within_limit(fake.fleet.stop, "the end of the fleet")
    assert all(instance.stopped.is_set() for instance in fake.launches.made)
    assert "some process does not end" in caplog.text
