"""The sentence for an error of a container, from responses and logs as TorchServe 0.6.0 and the toolkit write them."""

import json
import traceback
from pathlib import Path

import pytest

from async_endpoint.emulator.containers.invocation import ContainerResponse
from async_endpoint.emulator.containers.worker_errors import DIED, NOT_SENT
from async_endpoint.operations.model.model_error import traceback_of
from async_endpoint.operations.model.verdict import Evidence, cause_of
from async_endpoint.protocol.serving_images import IMAGES

IN_DICT = ("create_predict_response", "dumps", "encode", "_iterencode", "_iterencode_dict", "_iterencode", "default")
AT_TOP = ("create_predict_response", "dumps", "encode", "_iterencode", "default")


class Logs:
    """A container's log and the reports of its workers."""

    def __init__(self, folder: Path) -> None:
        self.log, self.reports = folder / "container.log", folder / "worker-errors.jsonl"
        self.log.touch()

    def report(self, kind: str, error: str, functions: tuple[str, ...] = ()) -> None:
        line = json.dumps({"report": kind, "error": error, "functions": functions, "traceback": ""})
        self.reports.write_text(f"{line}\n", encoding="ascii")

    def cause(self, response: ContainerResponse, image: str = "pytorch-1.11", **environment: str) -> str:
        return cause_of(response, Evidence(self.log, self.reports, environment, IMAGES[image]))


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    return Logs(tmp_path)


def of_torchserve(status: int, message: str) -> ContainerResponse:
    body = {"code": status, "type": "InternalServerException", "message": message}
    return ContainerResponse(status, "application/json", json.dumps(body, indent=2).encode())


def corrupted(message: str, line: int, inner: str = "", kind: str = "CorruptedFrame") -> str:
    """Returns an exception of TorchServe about the frame that a worker sent, read in a line of its decoder."""
    return (
        f"io.netty.handler.codec.{kind}Exception: {message}\n"
        "\tat org.pytorch.serve.util.codec.CodecUtils.readLength(CodecUtils.java:24) ~[model-server.jar:?]\n"
        f"{inner}\tat org.pytorch.serve.util.codec.ModelResponseDecoder.decode(ModelResponseDecoder.java:{line})\n"
    )


WORKER_LINE = "2026-01-28T13:46:36,453 [INFO ] W-9000-model_1.0-stdout MODEL_"
TOO_SLOW = "org.pytorch.serve.wlm.WorkerInitializationException: Backend worker did not respond in given time\n"
BEYOND_ASCII = (
    "the error message (or content type) has characters beyond ASCII, which ends TorchServe's worker: use ASCII"
)
UNSENT = of_torchserve(503, "Unsupported model output data type.")
WORKER_DIED = of_torchserve(500, "Worker died.")


@pytest.mark.parametrize(
    ("kind", "functions", "said"),
    [
        ("ndarray", AT_TOP, "503: the result is a numpy.ndarray, which TorchServe cannot send: return text or bytes"),
        ("float32", IN_DICT, "503: the result holds a numpy.float32, which"),
        ("int64", AT_TOP, "503: the result is a numpy.int64, which"),
        ("bool_", IN_DICT, "503: the result holds a numpy.bool_, which"),
        ("set", IN_DICT, "503: the result holds a set, which"),
        ("Image", AT_TOP, "503: the result is an Image, which"),
        ("Tensor", IN_DICT, "503: the result holds a Tensor, which"),
        ("coroutine", AT_TOP, "503: the result is a coroutine, which the toolkit does not await: define the function"),
    ],
)
def test_what_torchserve_cannot_send_is_named(logs: Logs, kind: str, functions: tuple[str, ...], said: str) -> None:
    logs.report(NOT_SENT, f"TypeError: Object of type {kind} is not JSON serializable", functions)
    assert logs.cause(UNSENT).startswith(said)


def test_keys_that_json_does_not_have_are_told_in_pythons_words(logs: Logs) -> None:
    logs.report(NOT_SENT, "TypeError: keys must be str, int, float, bool or None, not tuple", IN_DICT)
    assert logs.cause(UNSENT) == (
        "503: TorchServe cannot send the result as JSON (TypeError: keys must be str, int, float, bool or None, not "
        "tuple): return text or bytes"
    )


def test_a_result_that_cannot_be_sent_names_the_server_of_the_image(logs: Logs) -> None:
    logs.report(NOT_SENT, "TypeError: Object of type set is not JSON serializable", IN_DICT)
    assert "which Multi Model Server cannot send" in logs.cause(UNSENT, "huggingface-2.6")


def test_a_result_beyond_the_limit_names_the_limit(logs: Logs) -> None:
    logs.log.write_text(corrupted("Message size exceed limit: 7000000", 75))
    logs.report(DIED, "BrokenPipeError: [Errno 32] Broken pipe")  # what follows from it
    assert logs.cause(WORKER_DIED) == (
        "500: the result has 7000000 bytes, more than the 6553500 bytes that TorchServe takes by default "
        "(TS_MAX_RESPONSE_SIZE, which a stage sets)"
    )
    assert "more than the 99 bytes" in logs.cause(WORKER_DIED, TS_MAX_RESPONSE_SIZE="99")


def test_torchserve_0_12_has_another_exception_for_lengths(logs: Logs) -> None:
    message = (
        "Message size exceed limit: 3000\nConsider increasing the 'max_response_size' in 'config.properties' to fix."
    )
    logs.log.write_text(corrupted(message, 76, kind="TooLongFrame"))
    assert "the result has 3000 bytes, more than the 2000" in logs.cause(WORKER_DIED, TS_MAX_RESPONSE_SIZE="2000")
    logs.log.write_text(corrupted(message, 41, kind="TooLongFrame"))
    assert logs.cause(WORKER_DIED) == f"500: {BEYOND_ASCII}"


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("Message size exceed limit: 1819541504", 69),  # of "Größe fehlt": "lt" and two zeros
        ("Message size exceed limit: 13107200", 63),  # of a content type with two characters beyond ASCII
        ("Message size exceed limit: 33710702", 41),  # of a message that ends with such characters
        ("Invalid message size: -939524096", 67),  # of a content type with one
    ],
)
def test_characters_beyond_ascii_are_told_where_torchserve_reads_them_as_a_length(
    logs: Logs, message: str, line: int
) -> None:
    logs.log.write_text(corrupted(message, line))
    logs.report(DIED, "BrokenPipeError: [Errno 32] Broken pipe")  # what follows from it
    assert logs.cause(WORKER_DIED) == f"500: {BEYOND_ASCII}"


def test_a_length_in_a_map_of_headers_is_no_result(logs: Logs) -> None:
    in_map = "\tat org.pytorch.serve.util.codec.CodecUtils.readMap(CodecUtils.java:49) ~[model-server.jar:?]\n"
    logs.log.write_text(corrupted("Message size exceed limit: 1819541504", 71, in_map))
    assert logs.cause(WORKER_DIED) == f"500: {BEYOND_ASCII}"


def test_characters_beyond_ascii_are_told_where_torchserve_waits_for_the_rest(logs: Logs) -> None:
    received = f"{WORKER_LINE}LOG - Backend received inference at: 1795873596\n"
    measured = f"{WORKER_LINE}METRICS - PredictionTime.Milliseconds:0.4|#ModelName:model,Level:Model\n"
    logs.log.write_text(f"{received}{measured}{received}{measured}{TOO_SLOW}")
    assert logs.cause(WORKER_DIED) == f"500: {BEYOND_ASCII}"
    logs.log.write_text(f"{received}{measured}{received}{TOO_SLOW}")
    assert logs.cause(WORKER_DIED).startswith("500: the model took longer than the 60 s")


def test_a_header_that_the_read_buffer_cuts_is_told(logs: Logs) -> None:
    logs.log.write_text(corrupted("Invalid message size: -3", 71))
    assert logs.cause(WORKER_DIED) == (
        "500: TorchServe 0.6.0 crashed as its read buffer ended within a header of the result, as happens with "
        "batches: send none, as batching.py does"
    )


def test_a_model_that_takes_too_long_names_the_seconds(logs: Logs) -> None:
    logs.log.write_text(TOO_SLOW)
    assert logs.cause(WORKER_DIED, SAGEMAKER_TS_RESPONSE_TIMEOUT="7").startswith(
        "500: the model took longer than the 7 s"
    )
    assert logs.cause(WORKER_DIED).startswith("500: the model took longer than the 60 s")
    assert "the 9 s" in logs.cause(WORKER_DIED, SAGEMAKER_MODEL_SERVER_TIMEOUT="240", TS_DEFAULT_RESPONSE_TIMEOUT="9")
    assert "the 60 s" in logs.cause(WORKER_DIED, SAGEMAKER_MODEL_SERVER_TIMEOUT="240", SAGEMAKER_TS_BATCH_SIZE="8")


def test_a_worker_that_ended_is_told_with_its_exception_if_it_had_one(logs: Logs) -> None:
    assert "it exited, or was killed by a signal" in logs.cause(WORKER_DIED)
    logs.report(DIED, "ValueError: Circular reference detected")
    assert logs.cause(WORKER_DIED).endswith(
        "could not send the result and ended: ValueError: Circular reference detected"
    )


def test_the_models_exception_keeps_its_type_and_a_rejection_its_sentence(logs: Logs) -> None:
    trace = "Traceback (most recent call last):\n  File \"x.py\", line 1\n    raise\nKeyError: 'total'\n"
    assert logs.cause(ContainerResponse(500, None, f"'total'\n{trace}".encode())) == "500: KeyError: 'total'"
    assert logs.cause(ContainerResponse(422, None, f"No page.\n{trace}".encode())) == "422: No page."


def raised(statement: str) -> ContainerResponse:
    """Returns the toolkit's response to an error that a statement raises."""
    try:
        exec(statement, {})  # noqa: S102 - the texts are below
    except (KeyError, SyntaxError, ValueError) as error:
        return ContainerResponse(500, None, f"{error}\n{traceback.format_exc()}".encode())
    raise AssertionError(statement)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("raise ValueError('one\\ntwo\\nthree')", "500: ValueError: one"),
        ("raise ValueError('\\n  one\\ntwo')", "500: ValueError: one"),
        ("raise ValueError", "500: ValueError"),
        ("raise ValueError('a\\nTraceback (most recent call last):\\n  b\\nKeyError: 1')", "500: ValueError: a"),
        ("try:\n    1 / 0\nexcept ZeroDivisionError:\n    raise KeyError('x')", "500: KeyError: 'x'"),
        ("(", "500: SyntaxError: "),
    ],
)
def test_of_an_exception_the_type_and_the_first_line_are_shown(logs: Logs, statement: str, said: str) -> None:
    assert logs.cause(raised(statement)).startswith(said)
    assert "\n" not in logs.cause(raised(statement))


def test_the_traceback_of_a_response_is_its_own() -> None:
    lines = traceback_of(raised("try:\n    1 / 0\nexcept ZeroDivisionError:\n    raise KeyError('x')").body)
    assert lines[0] == "Traceback (most recent call last):"
    assert "ZeroDivisionError: division by zero" in lines
    assert lines[-1] == "KeyError: 'x'"
    assert traceback_of(b"Traceback is a word.") == []
    assert traceback_of(WORKER_DIED.body) == []


def test_other_responses_are_quoted(logs: Logs) -> None:
    assert logs.cause(of_torchserve(507, "Out of resources")) == "507: TorchServe says 'Out of resources'"
    assert logs.cause(ContainerResponse(404, None, b"none here")) == "404: none here"
    assert logs.cause(ContainerResponse(418, None, b"")) == "418: the response is empty"
    too_large = logs.cause(ContainerResponse(413, None, b""), TS_MAX_REQUEST_SIZE="5")
    assert too_large == "413: the document is larger than the 5 bytes that TorchServe takes (TS_MAX_REQUEST_SIZE)"


def test_multi_model_server_is_called_by_its_name_and_its_variables(logs: Logs) -> None:
    def cause(response: ContainerResponse, **environment: str) -> str:
        return logs.cause(response, "huggingface-2.6", **environment)

    assert cause(of_torchserve(503, "Prediction failed")) == "503: Multi Model Server says 'Prediction failed'"
    logs.log.write_text(corrupted("Invalid message size: -3", 71))
    assert cause(WORKER_DIED).startswith("500: Multi Model Server 1.1.11 crashed as its read buffer ended")
    logs.log.write_text(corrupted("Invalid message size: 1819541504", 71))
    assert "which ends Multi Model Server's worker" in cause(WORKER_DIED)
    assert cause(of_torchserve(400, "the GPU has gone")) == "400: the toolkit says 'the GPU has gone'"
    assert "6553500 bytes that Multi Model Server takes by default (MMS_MAX_REQUEST_SIZE" in cause(
        ContainerResponse(413, None, b"")
    )
    logs.log.write_text(corrupted("Message size exceed limit: 150000", 84))
    assert "150000 bytes, more than the 99 bytes that Multi Model Server takes (MMS_MAX_RESPONSE_SIZE)" in cause(
        WORKER_DIED, MMS_MAX_RESPONSE_SIZE="99"
    )
    logs.log.write_text(TOO_SLOW)
    assert cause(WORKER_DIED, SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS="9") == (
        "500: the model took longer than the 9 s of MMS_DEFAULT_RESPONSE_TIMEOUT_SECONDS, and Multi Model Server "
        "stopped the worker"
    )
