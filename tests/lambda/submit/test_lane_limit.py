"""How many documents may be with the endpoint, and what part of the room a batch takes."""

import pytest

from async_endpoint.protocol import VariantCapacity
from shared.settings import SettingsError
from submit.lane_limit import LimitSettings, lane_limit, share_of

SETTINGS = LimitSettings(
    instance_requests=16, instance_batch=8, backlog_per_instance=5, max_instances=4, batch_size=10, max_concurrency=10
)
ENVIRONMENT = {
    "INSTANCE_REQUESTS": "16",
    "INSTANCE_BATCH": "8",
    "BACKLOG_PER_INSTANCE": "5",
    "MAX_INSTANCES": "4",
    "BATCH_SIZE": "10",
    "MAX_CONCURRENCY": "10",
}


@pytest.mark.parametrize(
    ("running", "desired", "messages", "per_second", "limit"),
    [
        (4, 4, 0, 0.0, 64),  # two batches for each instance
        (4, 4, 0, 5.9, 70),  # and what is on its way
        (1, 1, 0, 0.0, 30),  # and what the alarm for more instances must see
        (3, 4, 0, 0.0, 90),
        (1, 1, 0, 2.0, 40),
        (0, 0, 0, 0.0, 16),  # asleep: at least one instance will be woken
        (0, 0, 11, 0.0, 48),
        (0, 0, 5_000, 0.0, 64),
        (0, 3, 0, 0.0, 48),
    ],
)
def test_the_limit_follows_what_runs(running: int, desired: int, messages: int, per_second: float, limit: int) -> None:
    capacity = VariantCapacity(status="InService", running=running, desired=desired)
    assert lane_limit(SETTINGS, capacity, messages=messages, per_second=per_second) == limit


def test_a_sleeping_endpoint_gets_what_its_wake_alarm_must_see() -> None:
    small = LimitSettings(**{**vars(SETTINGS), "instance_requests": 2, "instance_batch": 1})
    capacity = VariantCapacity(status="InService")
    assert lane_limit(small, capacity, messages=5_000, per_second=0.0) == 4 * (5 + 1)


@pytest.mark.parametrize(
    ("room", "messages", "share"), [(16, 16, 16), (16, 0, 16), (16, 17, 8), (16, 5_000, 2), (3, 12, 2), (1, 5_000, 1)]
)
def test_a_batch_takes_all_if_all_have_room_and_else_its_share(room: int, messages: int, share: int) -> None:
    assert share_of(room, SETTINGS, messages=messages) == share


def test_the_settings_are_those_of_the_environment() -> None:
    assert LimitSettings.from_environment(ENVIRONMENT) == SETTINGS


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_an_absent_variable_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=f"The environment variable {name} is not set"):
        LimitSettings.from_environment({key: value for key, value in ENVIRONMENT.items() if key != name})
