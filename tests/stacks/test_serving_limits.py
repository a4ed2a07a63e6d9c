"""The limits of one container agree with each other, whatever the settings."""

from typing import Any

import pytest
from aws_cdk.assertions import Template
from hypothesis import given, reject
from hypothesis import strategies as st

from async_endpoint.protocol.serving_images import ModelServer
from stacks.serving_limits import ServingLimits
from stacks.serving_variables import DECIDED_BY
from stacks.settings.fields import SettingsError
from stacks.settings.serving import ServingSettings
from tests.stacks.templates import dev, properties

SERVING = st.builds(
    ServingSettings,
    workers=st.none() | st.integers(1, 64),
    batch_size=st.integers(1, 256),
    batch_delay_milliseconds=st.integers(0, 60_000),
    timeout_seconds=st.integers(1, 1800),
    load_timeout_seconds=st.integers(1, 3600),
    document_seconds=st.none() | st.integers(1, 900),
)


def limits(**given_settings: Any) -> ServingLimits:
    return ServingLimits(ServingSettings(**given_settings))


def limits_or_reject(serving: ServingSettings, server: ModelServer = ModelServer.TORCHSERVE) -> ServingLimits:
    try:
        return ServingLimits(serving, server=server)
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
    assert made.workers * serving.batch_size * 2 == made.concurrent_invocations <= 1000
    assert int(made.environment["TS_JOB_QUEUE_SIZE"]) >= made.concurrent_invocations


@given(SERVING)
def test_a_batch_whose_documents_all_take_for_ever_ends_before_its_worker_is_stopped(serving: ServingSettings) -> None:
    made = limits_or_reject(serving)
    assert 2 * int(made.environment.get("DOCUMENT_SECONDS", 0)) <= made.response_timeout_seconds


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


@given(SERVING)
def test_without_batches_of_the_server_s_own_each_place_in_two_batches_has_a_worker(serving: ServingSettings) -> None:
    made = limits_or_reject(serving, ModelServer.MULTI_MODEL_SERVER)
    environment = made.environment
    # With one request at a time, each worker may hold the model.
    workers = made.concurrent_invocations if serving.batch_size > 1 else made.workers
    assert int(environment["SAGEMAKER_MODEL_SERVER_WORKERS"]) == workers
    assert int(environment["MODEL_PROCESSES"]) == made.workers
    assert int(environment["MODEL_BATCH_SIZE"]) == serving.batch_size
    assert int(environment["MODEL_BATCH_DELAY_MS"]) == serving.batch_delay_milliseconds
    assert int(environment["MMS_JOB_QUEUE_SIZE"]) >= made.concurrent_invocations


@given(SERVING)
def test_multi_model_server_stops_nobody_for_a_batch_that_may_still_end(serving: ServingSettings) -> None:
    """Its limit is one of a request, which with batches waits for a batch ahead, a load and its own batch."""
    made = limits_or_reject(serving, ModelServer.MULTI_MODEL_SERVER)
    environment = made.environment
    of_server = int(environment["MMS_DEFAULT_RESPONSE_TIMEOUT_SECONDS"])
    of_batch = int(environment["SAGEMAKER_MODEL_SERVER_TIMEOUT"])
    assert of_batch >= max(serving.timeout_seconds, serving.load_timeout_seconds)
    ahead = of_batch + serving.load_timeout_seconds + serving.batch_delay_milliseconds / 1000
    assert of_batch + (ahead if serving.batch_size > 1 else 0) <= of_server <= made.invocation_timeout_seconds
    assert of_server > of_batch, "the code's own limit comes first"


@pytest.mark.parametrize(
    ("instance_type", "workers", "processes"),
    [
        ("ml.g4dn.xlarge", None, "1"),
        ("ml.g5.12xlarge", None, "1"),
        ("ml.g5.12xlarge", 8, "2"),
        ("ml.g5.12xlarge", 6, "2"),
        ("ml.g5.xlarge", 3, "3"),
        ("ml.c5.2xlarge", None, "4"),
    ],
)
def test_the_processes_with_the_model_are_counted_for_each_gpu(
    instance_type: str, workers: int | None, processes: str
) -> None:
    device = "gpu" if ".g" in instance_type else "cpu"
    made = dev(
        endpoint__image="huggingface-2.6",
        endpoint__instance_type=instance_type,
        endpoint__device=device,
        **({"serving__workers": workers} if workers else {}),
    )
    assert made.limits.environment["MODEL_PROCESSES"] == processes


def test_multi_model_server_gets_its_own_variables_and_none_of_torchserve() -> None:
    environment = ServingLimits(
        ServingSettings(max_request_bytes=7, max_response_bytes=8, document_seconds=20),
        server=ModelServer.MULTI_MODEL_SERVER,
    ).environment
    assert not [name for name in environment if name.startswith(("TS_", "SAGEMAKER_TS_"))]
    assert "MMS_DEFAULT_RESPONSE_TIMEOUT" not in environment, "these would be minutes"
    sizes = (environment["MMS_MAX_REQUEST_SIZE"], environment["MMS_MAX_RESPONSE_SIZE"])
    assert (*sizes, environment["DOCUMENT_SECONDS"]) == ("7", "8", "20")


def test_limits_of_a_document_reach_the_container_only_when_they_are_set() -> None:
    names = {"DOCUMENT_SECONDS", "DOCUMENT_MEMORY_MB"}
    assert not names & limits().environment.keys()
    environment = limits(document_seconds=20, document_memory_mb=4096).environment
    assert {name: environment[name] for name in names} == {"DOCUMENT_SECONDS": "20", "DOCUMENT_MEMORY_MB": "4096"}


def test_a_document_may_take_half_of_its_batch_s_time() -> None:
    assert limits(timeout_seconds=300, document_seconds=150).settings.document_seconds == 150


@pytest.mark.parametrize(
    ("given_settings", "message"),
    [
        (
            {"timeout_seconds": 301, "document_seconds": 151},
            "document_seconds is 151, and drawing all documents of a batch .* half of the 301 seconds .* 150 or less",
        ),
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


def test_no_model_of_the_hub_takes_the_place_of_the_archive() -> None:
    environment = {"HF_MODEL_ID": "naver-clova-ix/donut-base"}
    with pytest.raises(SettingsError, match=r"names HF_MODEL_ID, with which .* in place of the archive: take it out"):
        dev(endpoint__image="huggingface-2.6", model__environment=environment)
    # Another toolkit knows nothing of it; one's own code may.
    assert dev(endpoint__image="pytorch-2.6", model__environment=environment).model.environment == environment


@pytest.mark.parametrize("server", ModelServer)
def test_every_limit_that_is_set_can_be_traced_to_its_setting(server: ModelServer) -> None:
    assert ServingLimits(ServingSettings(), server=server).environment.keys() <= DECIDED_BY.keys()


def test_the_stacks_take_their_limits_from_one_table(endpoint: Template, workflow: Template) -> None:
    made = dev().limits
    config = properties(endpoint, "AWS::SageMaker::EndpointConfig")
    client = config["AsyncInferenceConfig"]["ClientConfig"]
    assert client == {"MaxConcurrentInvocationsPerInstance": made.concurrent_invocations}
    timeout = str(made.invocation_timeout_seconds)
    functions = workflow.find_resources("AWS::Lambda::Function").values()
    timeouts = [each["Properties"]["Environment"]["Variables"].get("INVOCATION_TIMEOUT_SECONDS") for each in functions]
    assert [each for each in timeouts if each] == [timeout] * 3  # submit's, the reconciler's and the watchdog's
    _, command = only_output(endpoint, "InvokeCommand")
    assert f"--invocation-timeout-seconds {timeout}" in str(command)


def only_output(template: Template, name: str) -> tuple[str, Any]:
    ((output, definition),) = template.find_outputs(name).items()
    return output, definition["Value"]
