import pytest

from stacks.settings.serving import ServingSettings
from tests.stacks.settings.checks import check_range


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("workers", 1, 64),
        ("batch_size", 1, 256),
        ("batch_delay_milliseconds", 0, 60_000),
        ("timeout_seconds", 1, 1800),
        ("load_timeout_seconds", 1, 3600),
        ("document_seconds", 1, 900),
        ("document_memory_mb", 256, 65_536),
        ("max_request_bytes", 1, 1_073_741_824),
        ("max_response_bytes", 1, 1_073_741_824),
    ],
)
def test_every_limit_of_the_model_server_has_a_range(name: str, low: int, high: int) -> None:
    check_range(ServingSettings, name, low=low, high=high)
