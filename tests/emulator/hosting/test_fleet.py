"""Fleet: as many instances as asked for, whatever becomes of each."""

import threading
import time
from collections.abc import Callable

import pytest

from async_endpoint.emulator.hosting.errors import LaunchFailed
from async_endpoint.emulator.hosting.fleet import Fleet
from async_endpoint.emulator.hosting.instance import Instance
from tests.emulator.fakes import LIMIT, FakeInstance, Launches, eventually, within_limit


class FakeConsumer:
    def __init__(self, instance: FakeInstance) -> None:
        self.instance = instance
        self.lost = False
        self.stopped = threading.Event()
        self.joined = threading.Event()

    def stop(self) -> None:
        assert not self.instance.stopped.is_set(), "the consumer must stop taking requests before its instance ends"
        self.stopped.set()

    def join(self) -> None:
        assert self.instance.stopped.is_set()
        self.joined.set()


class Manned:
    """A fleet, its instances and their consumers."""

    def __init__(self, *prepared: FakeInstance, default: Callable[[], FakeInstance] = FakeInstance) -> None:
        self.launches = Launches(*prepared, default=default)
        self.consumers: list[FakeConsumer] = []
        self.fleet = Fleet(self.launches.launch, self._consume, startup_timeout=LIMIT, relaunch_seconds=0.05)

    def _consume(self, instance: Instance) -> FakeConsumer:
        assert isinstance(instance, FakeInstance)
        self.consumers.append(FakeConsumer(instance))
        return self.consumers[-1]


def unready() -> FakeInstance:
    return FakeInstance(ready=False)


def test_settles_when_every_instance_answers() -> None:
    slow = unready()
    manned = Manned(FakeInstance(), slow)
    manned.fleet.resize(2)
    eventually(lambda: manned.fleet.running == 1, "the first instance")
    with pytest.raises(LaunchFailed, match=r"2 instance\(s\) were not ready within 0.05 s"):
        manned.fleet.wait_until_settled(0.05)
    slow.ready.set()
    manned.fleet.wait_until_settled(LIMIT)
    assert (manned.fleet.desired, manned.fleet.running) == (2, 2)
    within_limit(manned.fleet.stop, "the end of the fleet")


def test_scaling_in_dismisses_the_newest_and_settles_when_they_are_gone() -> None:
    manned = Manned()
    manned.fleet.resize(3)
    manned.fleet.wait_until_settled(LIMIT)
    manned.fleet.resize(1)
    manned.fleet.wait_until_settled(LIMIT)
    oldest, *others = manned.launches.made
    assert oldest.alive
    assert all(instance.stopped.is_set() for instance in others)
    gone = [consumer for consumer in manned.consumers if consumer.instance is not oldest]
    assert all(consumer.stopped.is_set() and consumer.joined.is_set() for consumer in gone)
    within_limit(manned.fleet.stop, "the end of the fleet")


def test_scaling_in_lets_running_requests_end_and_stopping_does_not() -> None:
    manned = Manned()
    manned.fleet.resize(2)
    manned.fleet.wait_until_settled(LIMIT)
    manned.fleet.resize(1)
    manned.fleet.wait_until_settled(LIMIT)
    oldest, newest = manned.launches.made
    assert (newest.drained, oldest.drained) == ([30.0], [])
    within_limit(manned.fleet.stop, "the end of the fleet")
    assert oldest.drained == []


def test_a_fleet_that_is_replaced_lets_running_requests_end() -> None:
    manned = Manned()
    manned.fleet.resize(1)
    manned.fleet.wait_until_settled(LIMIT)
    within_limit(lambda: manned.fleet.stop(drain=True), "the end of the fleet")
    assert manned.launches.made[0].drained == [30.0]


def test_scaling_in_ends_instances_that_are_still_starting() -> None:
    manned = Manned(default=unready)
    manned.fleet.resize(2)
    eventually(lambda: len(manned.launches.running) == 2, "both instances start")
    manned.fleet.resize(0)
    manned.fleet.wait_until_settled(LIMIT)
    assert not manned.launches.running
    assert not manned.consumers
    for instance in manned.launches.made:
        instance.ready.set()  # too late
    assert manned.fleet.running == 0


def test_scaling_out_while_starting_keeps_what_has_begun() -> None:
    manned = Manned(default=unready)
    manned.fleet.resize(1)
    manned.fleet.resize(3)
    for instance in manned.launches.made:
        instance.ready.set()
    manned.fleet.wait_until_settled(LIMIT)
    assert len(manned.launches.made) == 3
    within_limit(manned.fleet.stop, "the end of the fleet")


def test_a_failed_launch_is_final_while_the_first_instances_come_up() -> None:
    manned = Manned(FakeInstance(failure="RuntimeError: no weights"))
    manned.fleet.resize(1)
    with pytest.raises(LaunchFailed, match="RuntimeError: no weights"):
        manned.fleet.wait_until_settled(LIMIT)
    assert manned.launches.made[0].stopped.is_set(), "what did not start must leave no process"
    assert len(manned.launches.made) == 1
    within_limit(manned.fleet.stop, "the end of the fleet")


def test_a_later_failed_launch_is_tried_again_after_a_pause() -> None:
    manned = Manned()
    manned.fleet.resize(1)
    manned.fleet.wait_until_settled(LIMIT)
    manned.launches.prepared = [FakeInstance(failure="out of memory"), FakeInstance(failure="out of memory")]
    began = time.monotonic()
    manned.fleet.resize(2)
    with pytest.raises(LaunchFailed, match="out of memory"):
        manned.fleet.wait_until_settled(LIMIT)
    eventually(lambda: manned.fleet.running == 2, "the third try")
    assert time.monotonic() - began >= 2 * 0.05
    assert len(manned.launches.made) == 4
    within_limit(manned.fleet.stop, "the end of the fleet")


def test_looking_for_dead_instances_does_not_shorten_the_pause() -> None:
    manned = Manned()
    manned.fleet.resize(0)
    manned.fleet.wait_until_settled(LIMIT)
    manned.fleet._relaunch_seconds = LIMIT  # as good as never
    manned.launches.prepared = [FakeInstance(failure="out of memory")]
    manned.fleet.resize(1)
    eventually(lambda: manned.fleet._failure, "the failed launch")
    assert manned.fleet.replace_dead() == 0
    with pytest.raises(LaunchFailed, match="out of memory"):
        manned.fleet.wait_until_settled(LIMIT)
    assert len(manned.launches.made) == 1
    within_limit(manned.fleet.stop, "the end of the fleet")


def test_the_time_until_there_is_a_machine_is_not_the_containers() -> None:
    class Ordered(FakeInstance):
        """An instance whose machine, image and archive take longer than its container may."""

        def start(self) -> None:
            time.sleep(0.3)
            super().start()

    manned = Manned(default=Ordered)
    manned.fleet._startup_timeout = 0.1
    manned.fleet.resize(2)
    manned.fleet.wait_until_settled()
    assert manned.fleet.running == 2
    within_limit(manned.fleet.stop, "the end of the fleet")


def test_a_dead_instance_is_replaced() -> None:
    manned = Manned()
    manned.fleet.resize(2)
    manned.fleet.wait_until_settled(LIMIT)
    manned.launches.made[0].died.set()
    assert manned.fleet.replace_dead() == 1
    manned.fleet.wait_until_settled(LIMIT)
    assert len(manned.launches.running) == 2
    assert manned.launches.made[0].stopped.is_set()
    assert manned.fleet.replace_dead() == 0
    within_limit(manned.fleet.stop, "the end of the fleet")


def test_an_instance_whose_consumer_gave_it_up_is_replaced() -> None:
    manned = Manned()
    manned.fleet.resize(1)
    manned.fleet.wait_until_settled(LIMIT)
    manned.consumers[0].lost = True
    assert manned.fleet.replace_dead() == 1
    manned.fleet.wait_until_settled(LIMIT)
    assert manned.launches.running == [manned.launches.made[1]]
    within_limit(manned.fleet.stop, "the end of the fleet")


class Slow(FakeInstance):
    """An instance whose processes take their time to end."""

    def stop(self) -> None:
        time.sleep(0.1)
        super().stop()


def test_stopping_joins_everything_and_is_for_good() -> None:
    leaving, starting = Slow(), unready()
    manned = Manned(FakeInstance(), leaving, starting)
    manned.fleet.resize(2)
    manned.fleet.wait_until_settled(LIMIT)
    manned.fleet.resize(1)
    manned.fleet.resize(2)
    within_limit(manned.fleet.stop, "the end of the fleet")
    assert all(instance.stopped.is_set() for instance in manned.launches.made)
    assert all(consumer.joined.is_set() for consumer in manned.consumers)
    manned.fleet.resize(5)
    assert manned.fleet.replace_dead() == 0
    assert (manned.fleet.desired, manned.fleet.running) == (0, 0)
    assert not manned.launches.running


def test_who_waits_for_a_fleet_that_is_stopped_hears_of_it() -> None:
    manned = Manned(default=unready)
    manned.fleet.resize(1)
    reasons: list[str] = []

    def wait() -> None:
        try:
            manned.fleet.wait_until_settled(LIMIT)
        except LaunchFailed as error:
            reasons.append(str(error))

    waiter = threading.Thread(target=wait)
    waiter.start()
    within_limit(manned.fleet.stop, "the end of the fleet")
    waiter.join(LIMIT)
    assert reasons == ["The instances were stopped before they were ready."]


def test_an_instance_that_cannot_be_stopped_does_not_hold_up_the_others(caplog: pytest.LogCaptureFixture) -> None:
    class Stubborn(FakeInstance):
        def stop(self) -> None:
            super().stop()
            raise RuntimeError("some process does not end")

    manned = Manned(Stubborn(), FakeInstance())
    manned.fleet.resize(2)
    manned.fleet.wait_until_settled(LIMIT)
    within_limit(manned.fleet.stop, "the end of the fleet")
    assert all(instance.stopped.is_set() for instance in manned.launches.made)
    assert "some process does not end" in caplog.text
