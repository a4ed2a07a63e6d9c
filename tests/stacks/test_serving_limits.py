"""The limits of one container agree with each other, whatever the settings."""

from typing import Any

import pytest
from aws_cdk.assertions import Template
from hypothesis import given, reject
from hypothesis import strategies as st

from stacks.serving_limits import DECIDED_BY, ServingLimits
from stacks.settings.fields import SettingsError
from stacks.settings.serving import ServingSettings
from tests.stacks.templates import dev, properties

SERVING = st.builds(
    ServingSettings,
    workers=st.integers(1, 64),
    batch_size=st.integers(1, 256),
    batch_delay_milliseconds=st.integers(0, 60_000),
    timeout_seconds=st.integers(1, 1800),
    load_timeout_seconds=st.integers(1, 3600),
)


def limits(**given_settings: Any) -> ServingLimits:
    return ServingLimits(ServingSettings(**given_settings))


def limits_or_reject(serving: ServingSettings) -> ServingLimits:
    try:
        return ServingLimits(serving)
    except SettingsError:
        reject()


@given(SERVING)
def test_sagemaker_gives_a_request_up_only_after_torchserve_has_had_its_time(serving: ServingSettings) -> None:
    made = limits_or_reject(serving)
    ahead = own = made.response_timeout_seconds
    assert made.invocation_timeout_seconds >= (
        ahead + serving.load_timeout_seconds + serving.batch_delay_milliseconds / 1000 + own
    )
    assert made.invocation_timeout_seconds <= 3600


@given(SERVING)
def test_torchserve_accepts_a_batch_and_the_next_one_for_each_worker(
    serving: ServingSettings,
) -> None:
    made = limits_or_reject(serving)
    assert serving.workers * serving.batch_size * 2 == made.concurrent_invocations <= 1000
    assert int(made.environment["TS_JOB_QUEUE_SIZE"]) >= made.concurrent_invocations


@given(SERVING)
def test_a_slow_load_is_not_stopped_by_the_response_timeout(serving: ServingSettings) -> None:
    environment = limits_or_reject(serving).environment
    for name in ("SAGEMAKER_MODEL_SERVER_TIMEOUT", "SAGEMAKER_TS_RESPONSE_TIMEOUT", "TS_DEFAULT_STARTUP_TIMEOUT"):
        assert int(environment[name]) >= serving.load_timeout_seconds, name


def test_the_toolkits_five_variables_are_set_together_and_agree_with_its_two_older_ones() -> None:
    environment = limits(workers=3, batch_size=4, timeout_seconds=500).environment
    five = {name: value for name, value in environment.items() if name.startswith("SAGEMAKER_TS_")}
    assert five == {
        "SAGEMAKER_TS_MIN_WORKERS": "3",
        "SAGEMAKER_TS_MAX_WORKERS": "3",
        "SAGEMAKER_TS_BATCH_SIZE": "4",
        "SAGEMAKER_TS_MAX_BATCH_DELAY": "50",
        "SAGEMAKER_TS_RESPONSE_TIMEOUT": "500",
    }
    assert environment["SAGEMAKER_MODEL_SERVER_WORKERS"] == "3"
    assert environment["SAGEMAKER_MODEL_SERVER_TIMEOUT"] == "500"


@pytest.mark.parametrize(
    ("given_settings", "message"),
    [
        (
            {"workers": 64, "batch_size": 8},
            "workers is 64 and serving.batch_size 8; .* are 1024 requests at a time, and SageMaker sends at most 1000",
        ),
        (
            {"timeout_seconds": 1700},
            "timeout_seconds is 1700 and serving.load_timeout_seconds 240; .* 3641 seconds .* at most 3600: lower",
        ),
        ({"load_timeout_seconds": 1200}, "load_timeout_seconds 1200; a request may have to wait for 3601 seconds"),
    ],
)
def test_limits_beyond_sagemakers_are_rejected_with_what_to_do(given_settings: dict[str, int], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        limits(**given_settings)


def test_a_model_that_reads_one_request_at_a_time_gets_no_batches() -> None:
    environment = limits(batch_size=1).environment
    assert (environment["SAGEMAKER_TS_BATCH_SIZE"], limits(batch_size=1).concurrent_invocations) == ("1", 2)


@pytest.mark.parametrize("name", DECIDED_BY)
def test_no_limit_is_set_past_the_settings(name: str) -> None:
    with pytest.raises(SettingsError, match=f"names {name}, which {DECIDED_BY[name]} decides, .*: take it out"):
        dev(model__environment={name: "3"})


def test_every_limit_that_is_set_can_be_traced_to_its_setting() -> None:
    assert limits().environment.keys() <= DECIDED_BY.keys()


def test_the_stacks_take_their_limits_from_one_table(endpoint: Template, workflow: Template) -> None:
    made = dev().limits
    config = properties(endpoint, "AWS::SageMaker::EndpointConfig")
    client = config["AsyncInferenceConfig"]["ClientConfig"]
    assert client == {"MaxConcurrentInvocationsPerInstance": made.concurrent_invocations}
    timeout = str(made.invocation_timeout_seconds)
    functions = workflow.find_resources("AWS::Lambda::Function").values()
    timeouts = [each["Properties"]["Environment"]["Variables"].get("INVOCATION_TIMEOUT_SECONDS") for each in functions]
    assert [each for each in timeouts if each] == [timeout, timeout]  # submit's and the watchdog's
    _, command = only_output(endpoint, "InvokeCommand")
    assert f"--invocation-timeout-seconds {timeout}" in str(command)


def only_output(template: Template, name: str) -> tuple[str, Any]:
    ((output, definition),) = template.find_outputs(name).items()
    return output, definition["Value"]
