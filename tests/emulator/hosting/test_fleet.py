"""Fleet: as many instances as desired, whatever happens to each."""

import threading
import time

import pytest

from async_endpoint.emulator.hosting.errors import LaunchFailed
from tests.emulator.fakes import LIMIT, FakeInstance, eventually, within_limit
from tests.emulator.hosting.fleets import FakeFleet, unready


def test_settles_when_every_instance_is_in_service() -> None:
    slow = unready()
    fake = FakeFleet(FakeInstance(), slow)
    fake.fleet.resize(2)
    eventually(lambda: fake.fleet.running == 1, "the first instance")
    with pytest.raises(LaunchFailed, match=r"2 instance\(s\) were not ready within 0.05 s"):
        fake.fleet.wait_until_settled(0.05)
    slow.ready.set()
    fake.fleet.wait_until_settled(LIMIT)
    assert (fake.fleet.desired, fake.fleet.running) == (2, 2)
    within_limit(fake.fleet.stop, "the end of the fleet")


def test_scaling_out_while_starting_keeps_what_has_begun() -> None:
    fake = FakeFleet(default=unready)
    fake.fleet.resize(1)
    fake.fleet.resize(3)
    for instance in fake.launches.made:
        instance.ready.set()
    fake.fleet.wait_until_settled(LIMIT)
    assert len(fake.launches.made) == 3
    within_limit(fake.fleet.stop, "the end of the fleet")


def test_a_failed_launch_is_final_while_the_first_instances_come_up() -> None:
    fake = FakeFleet(FakeInstance(failure="RuntimeError: no weights"))
    fake.fleet.resize(1)
    with pytest.raises(LaunchFailed, match="RuntimeError: no weights"):
        fake.fleet.wait_until_settled(LIMIT)
    assert fake.launches.made[0].stopped.is_set(), "what did not start must leave no process"
    assert len(fake.launches.made) == 1
    within_limit(fake.fleet.stop, "the end of the fleet")


def test_a_later_failed_launch_is_retried_after_a_pause() -> None:
    fake = FakeFleet()
    fake.fleet.resize(1)
    fake.fleet.wait_until_settled(LIMIT)
    fake.fleet._relaunch_seconds = 1.0  # in which the failure is seen, on a busy machine too
    fake.launches.prepared = [FakeInstance(failure="out of memory"), FakeInstance(failure="out of memory")]
    began = time.monotonic()
    fake.fleet.resize(2)
    with pytest.raises(LaunchFailed, match="out of memory"):
        fake.fleet.wait_until_settled(LIMIT)
    eventually(lambda: fake.fleet.running == 2, "the third try")
    assert time.monotonic() - began >= 2 * 1.0
    assert len(fake.launches.made) == 4
    within_limit(fake.fleet.stop, "the end of the fleet")


def test_looking_for_dead_instances_does_not_shorten_the_pause() -> None:
    fake = FakeFleet()
    fake.fleet.resize(0)
    fake.fleet.wait_until_settled(LIMIT)
    fake.fleet._relaunch_seconds = LIMIT  # as good as never
    fake.launches.prepared = [FakeInstance(failure="out of memory")]
    fake.fleet.resize(1)
    eventually(lambda: fake.fleet._failure, "the failed launch")
    assert fake.fleet.replace_dead() == 0
    with pytest.raises(LaunchFailed, match="out of memory"):
        fake.fleet.wait_until_settled(LIMIT)
    assert len(fake.launches.made) == 1
    within_limit(fake.fleet.stop, "the end of the fleet")


def test_the_time_until_there_is_a_machine_is_not_the_containers() -> None:
    class Ordered(FakeInstance):
        """An instance whose machine, image and archive take longer than its container may."""

        def start(self) -> None:
            time.sleep(0.3)
            super().start()

    fake = FakeFleet(default=Ordered)
    fake.fleet._startup_timeout = 0.1
    fake.fleet.resize(2)
    fake.fleet.wait_until_settled()
    assert fake.fleet.running == 2
    within_limit(fake.fleet.stop, "the end of the fleet")


def test_a_dead_instance_is_replaced() -> None:
    fake = FakeFleet()
    fake.fleet.resize(2)
    fake.fleet.wait_until_settled(LIMIT)
    fake.launches.made[0].died.set()
    assert fake.fleet.replace_dead() == 1
    fake.fleet.wait_until_settled(LIMIT)
    assert len(fake.launches.running) == 2
    assert fake.launches.made[0].stopped.is_set()
    assert fake.fleet.replace_dead() == 0
    within_limit(fake.fleet.stop, "the end of the fleet")


def test_an_instance_whose_consumer_gave_it_up_is_replaced() -> None:
    fake = FakeFleet()
    fake.fleet.resize(1)
    fake.fleet.wait_until_settled(LIMIT)
    fake.consumers[0].lost = True
    assert fake.fleet.replace_dead() == 1
    fake.fleet.wait_until_settled(LIMIT)
    assert fake.launches.running == [fake.launches.made[1]]
    within_limit(fake.fleet.stop, "the end of the fleet")


class Slow(FakeInstance):
    """An instance whose processes take their time to end."""

    def stop(self) -> None:
        time.sleep(0.1)
        super().stop()


def test_stopping_joins_everything_and_is_for_good() -> None:
    leaving, starting = Slow(), unready()
    fake = FakeFleet(FakeInstance(), leaving, starting)
    fake.fleet.resize(2)
    fake.fleet.wait_until_settled(LIMIT)
    fake.fleet.resize(1)
    fake.fleet.resize(2)
    within_limit(fake.fleet.stop, "the end of the fleet")
    assert all(instance.stopped.is_set() for instance in fake.launches.made)
    assert all(consumer.joined.is_set() for consumer in fake.consumers)
    fake.fleet.resize(5)
    assert fake.fleet.replace_dead() == 0
    assert (fake.fleet.desired, fake.fleet.running) == (0, 0)
    assert not fake.launches.running


def test_a_stop_ends_the_wait_for_the_fleet() -> None:
    fake = FakeFleet(default=unready)
    fake.fleet.resize(1)
    reasons: list[str] = []

    def wait() -> None:
        try:
            fake.fleet.wait_until_settled(LIMIT)
        except LaunchFailed as error:
            reasons.append(str(error))

    waiter = threading.Thread(target=wait)
    waiter.start()
    within_limit(fake.fleet.stop, "the end of the fleet")
    waiter.join(LIMIT)
    assert reasons == ["The instances were stopped before they were ready."]
