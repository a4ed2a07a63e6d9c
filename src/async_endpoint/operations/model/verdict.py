"""Why a container returned an error: the sentence for a person, from the response and what the container logged."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from async_endpoint.emulator.containers import container_log, multi_model_server, torchserve
from async_endpoint.emulator.containers.worker_errors import DIED, NOT_SENT
from async_endpoint.operations.model.model_error import raised_of, sentence_of
from async_endpoint.protocol.serving_images import ModelServer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from async_endpoint.emulator.containers.invocation import ContainerResponse
    from async_endpoint.protocol.serving_images import ServingImage

_UNSENDABLE = re.compile(r"Object of type (\w+) is not JSON serializable")
_INSIDE = {"_iterencode_dict", "_iterencode_list"}  # functions of json.encoder, at work on a member
_NUMPY = re.compile(r"ndarray|(?:float|int|uint|complex)\d+|bool_|matrix")
# The worker writes each length as a number of characters or bytes, and TorchServe reads it as one of bytes
# (otf_message_handler.py, ModelResponseDecoder.java). Beyond ASCII they differ for the content type and the message,
# so that TorchServe then takes letters for a length. The length of the result itself is read in line 75, of 0.12.0 in
# line 76, of Multi Model Server 1.1.11 in line 84.
_FRAME = r"(?:CorruptedFrame|TooLongFrame)Exception: "
_CORRUPTED = re.compile(rf"{_FRAME}(?:Message size exceed limit|Invalid message size): (-?\d+)")
_TOO_LARGE = re.compile(
    rf"{_FRAME}Message size exceed limit: (\d+)\n"
    r"(?:Consider increasing .*\n)?"
    r"\tat \S+\.CodecUtils\.readLength\(.*\n"
    r"\tat \S+\.ModelResponseDecoder\.decode\(ModelResponseDecoder\.java:(?:7[56]|84)\)"
)
_CUT = "-3"  # CodecUtils.BUFFER_UNDER_RUN, which it takes for the length of a header
_REQUEST, _PROCESSED = "MODEL_LOG - Backend received inference at: ", "MODEL_METRICS - PredictionTime."
_TOO_SLOW = "Backend worker did not respond in given time"
_WORKER_DIED = "Worker died."
_MISMATCHED = "number of batch response mismatched"


@dataclass(frozen=True)
class Evidence:
    """What is known of a container that has ended.

    Attributes:
        log: Its output.
        reports: What its workers reported, `worker_errors`.
        environment: The Model's variables.
        image: The image that it ran.
    """

    log: Path
    reports: Path
    environment: Mapping[str, str]
    image: ServingImage


def cause_of(response: ContainerResponse, found: Evidence) -> str:
    """Returns why a response is not a success, as `STATUS: reason`."""
    return f"{response.status}: {_reason(response, found)}"


def _reason(response: ContainerResponse, found: Evidence) -> str:
    errors = container_log.reported_errors(found.reports)
    of_server = _servers_message(response.body)
    unsent = [each for each in errors if each.report == NOT_SENT]
    if response.status == HTTPStatus.SERVICE_UNAVAILABLE and of_server and unsent:
        return _why_unsendable(unsent[-1], found.image.server)
    if of_server == _WORKER_DIED:
        return _why_died(found, errors)
    if of_server == _MISMATCHED:
        return (
            "the worker did not return a result for each request of its batch; the toolkit's own functions do not if "
            "one of them raises an error"
        )
    if of_server is not None:
        # The Hugging Face toolkit's handler returns this status for every error, also for the model's own.
        is_handlers = response.status == HTTPStatus.BAD_REQUEST
        return f"{'the toolkit' if is_handlers else found.image.server} says {of_server!r}"
    if response.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and not response.body:
        return f"the document is larger than the {_limit('MAX_REQUEST_SIZE', found)}"
    is_failure = response.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return (raised_of(response.body) if is_failure else sentence_of(response.body)) or "the response is empty"


def _servers_message(body: bytes) -> str | None:
    """Returns the message of a response that the server made itself; None for one of the model's."""
    try:
        members = json.loads(body)
    except ValueError:
        return None
    is_own = isinstance(members, dict) and members.keys() == {"code", "type", "message"}
    return str(members["message"]) if is_own else None


def _why_unsendable(error: container_log.WorkerError, server: ModelServer) -> str:
    """Returns why the worker could not send a result; the servers send bytes, text, tensors, and the rest as JSON."""
    is_inside = not _INSIDE.isdisjoint(error.functions)
    if match := _UNSENDABLE.search(error.error):
        kind = match[1]
        if kind == "coroutine":
            return "the result is a coroutine, which the toolkit does not await: define the function without async"
        named = f"numpy.{kind}" if _NUMPY.fullmatch(kind) else kind
        article = "an" if named[0].lower() in "aeiou" else "a"
        holds = "holds" if is_inside else "is"
        return f"the result {holds} {article} {named}, which {server} cannot send: return text or bytes"
    return f"{server} cannot send the result as JSON ({error.error}): return text or bytes"


def _why_died(found: Evidence, errors: list[container_log.WorkerError]) -> str:
    """Returns why the worker process ended with the request."""
    text = found.log.read_text(encoding="utf-8", errors="replace")
    if match := _TOO_LARGE.search(text):
        return f"the result has {match[1]} bytes, more than the {_limit('MAX_RESPONSE_SIZE', found)}"
    if sizes := _CORRUPTED.findall(text):
        return _cut_header(found.image) if sizes[-1] == _CUT else _beyond_ascii(found.image)
    if _TOO_SLOW in text:
        if text.rfind(_PROCESSED) > text.rfind(_REQUEST):
            return _beyond_ascii(found.image)  # the worker has sent a result, and the server waits for more
        return f"the model took longer than the {_time(found)}, and {found.image.server} stopped the worker"
    died = [each.error for each in errors if each.report == DIED]
    if died:
        return f"the worker process could not send the result and ended: {died[-1]}"
    return "the worker process ended while it had the document: it exited, or was killed by a signal"


def _beyond_ascii(image: ServingImage) -> str:
    return (
        f"the error message (or content type) has characters beyond ASCII, which ends {image.server}'s worker: use "
        "ASCII"
    )


def _cut_header(image: ServingImage) -> str:
    return (
        f"{image.server} {image.server_version} crashed as its read buffer ended within a header of the result, as "
        "happens with batches: send none, as batching.py does"
    )


def _time(found: Evidence) -> str:
    if found.image.server is ModelServer.MULTI_MODEL_SERVER:
        return f"{multi_model_server.response_timeout(found.environment):g} s of {multi_model_server.TIMEOUT_VARIABLE}"
    seconds = torchserve.response_timeout(found.environment, found.image.server_version)
    return f"{seconds:g} s of {torchserve.TIMEOUT_VARIABLE}"


def _limit(name: str, found: Evidence) -> str:
    server = found.image.server
    variable = f"{'MMS' if server is ModelServer.MULTI_MODEL_SERVER else 'TS'}_{name}"
    if variable in found.environment:
        return f"{found.environment[variable]} bytes that {server} takes ({variable})"
    return f"6553500 bytes that {server} takes by default ({variable}, which a stage sets)"
