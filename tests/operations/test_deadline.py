from async_endpoint.operations.deadline import Deadline
from tests.support.endpoint_fixtures import Clock


def test_it_pauses_until_the_time_is_up(clock: Clock) -> None:
    deadline = Deadline(50, interval=20, clock=clock, sleep=clock.sleep)
    pauses = [deadline.pause() for _ in range(4)]
    assert pauses == [True, True, True, False]
    assert clock.sleeps == [20, 20, 10]
    assert deadline.elapsed == 50
