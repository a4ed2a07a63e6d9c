"""The check of an archive: it runs in the container that an instance of the local AWS runs, and gets a document."""

from __future__ import annotations

import re
import tarfile
import tempfile
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from async_endpoint.counted import counted
from async_endpoint.emulator.containers import container_log
from async_endpoint.emulator.containers.errors import ContainerDied, ContainerFailed, ContainerTimeout
from async_endpoint.emulator.containers.invocation import ContainerResponse, Invocation
from async_endpoint.emulator.containers.model_container import ModelContainer
from async_endpoint.operations.model.model_error import traceback_of
from async_endpoint.operations.model.peak_memory import PeakMemory
from async_endpoint.operations.model.verdict import Evidence, cause_of
from async_endpoint.protocol import DEFAULT_INVOCATION_TIMEOUT_SECONDS
from async_endpoint.protocol.packed_for import PackedFor, PackedForError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from async_endpoint.emulator.containers.environment import ServingEnvironment
    from async_endpoint.operations.model.stage import ContainerSettings

_LAST_LINES = 15
_WITHOUT_STAGE = "Checked without a stage, with the image's own limits, one request at a time"
_NOT_LOADED = "The model could not be loaded: "
_REQUIREMENTS = PurePosixPath("code/requirements.txt")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


@dataclass
class CheckedArchive:
    """The outcome of a check; what was not reached is None.

    Attributes:
        archive: The archive's path.
        archive_mb: Its size.
        files: The number of its members.
        failure: Why the endpoint would not complete the request; None if it would.
        notes: What should be known of a success, too.
        status: The status of the last response.
        content_type: The type of the result, as it was sent.
        result: Its text as it was sent; of anything but text, what it is.
        result_bytes: The result's size.
        load_seconds: From the start of the container until the model was ready.
        first_result_seconds: Of the first request, alone.
        second_result_seconds: Of the second one, alone.
        batch_size: How many requests were then sent at once; None for batches of one.
        batch_seconds: Until all of them were answered.
        peak_memory_mb: The most memory of all processes of the container.
        last_lines: After a failure, the end of the model's traceback, or what the workers printed last.
        log: Everything that the container printed.
    """

    archive: str
    archive_mb: float
    files: int
    failure: str | None = None
    notes: list[str] = field(default_factory=list)
    status: int | None = None
    content_type: str | None = None
    result: str | None = None
    result_bytes: int | None = None
    load_seconds: float | None = None
    first_result_seconds: float | None = None
    second_result_seconds: float | None = None
    batch_size: int | None = None
    batch_seconds: float | None = None
    peak_memory_mb: int | None = None
    last_lines: list[str] = field(default_factory=list)
    log: str = ""

    @property
    def is_loaded(self) -> bool:
        """Whether the model loaded."""
        return self.load_seconds is not None

    def to_dict(self) -> dict[str, Any]:
        """Returns what was found, without the log."""
        members = asdict(self)
        del members["log"]
        return {name: value for name, value in members.items() if value not in (None, [])}


def check_archive(
    archive: Path, document: Path, media_type: str, serving: ServingEnvironment, settings: ContainerSettings
) -> CheckedArchive:
    """Starts a container of an archive, and sends it a document: twice alone, then as many at once as make a batch.

    Raises:
        ContainerError: The archive cannot be unpacked.
    """
    found = CheckedArchive(str(archive), round(archive.stat().st_size / 1e6, 1), 0)
    found.notes += _notes_of_image(archive, serving)
    installs = installs_packages(archive)
    isolated = not installs if settings.isolated is None else settings.isolated
    if settings.isolated is None:
        network = "a network, to install code/requirements.txt" if installs else "no network"
        found.notes.append(f"{_WITHOUT_STAGE} and {network}; --stage NAME gives the container what a stage does.")
    with tempfile.TemporaryDirectory(prefix="model-check-") as folder:
        container = ModelContainer(archive, settings.environment, serving, Path(folder, "instance"), isolated=isolated)
        response = None
        try:
            container.start()
            with _peak_memory(container, found):
                response = _ask(container, _Request(document.read_bytes(), media_type), settings, found)
        finally:
            container.stop()
            _read_logs(container, found)
        if response is not None and not _is_success(response):
            cause = cause_of(response, Evidence(container.log, container.reports, settings.environment, serving.image))
            explanation = container.explanation_of(response.body.decode("utf-8", "replace"))
            found.failure = f"{_failed_request(found)}{cause}{explanation}"
            if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR and (trace := traceback_of(response.body)):
                found.last_lines = trace[-_LAST_LINES:]
        elif found.failure is None and (explanation := container.explanation_of("")):
            found.notes.append(explanation.strip())
    with tarfile.open(archive) as tar:
        found.files = len(tar.getnames())
    return found


def _notes_of_image(archive: Path, serving: ServingEnvironment) -> list[str]:
    """Returns a note if an archive says that it is packed for another image; code that needs little of it may load."""
    with suppress(PackedForError), archive.open("rb") as head:
        packed = PackedFor.from_archive(head)
        if packed is not None and not packed.fits(serving.image):
            wanted = serving.image.name
            return [
                f"The archive is packed for the image {packed.image}, not for {wanted}: pack it with --image {wanted}."
            ]
    return []


def installs_packages(archive: Path) -> bool:
    """Returns whether a container of the archive runs pip when it starts; False for what is no archive."""
    with suppress(tarfile.TarError, EOFError, zlib.error, OSError), tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            if PurePosixPath(member.name) == _REQUIREMENTS and (opened := tar.extractfile(member)):
                return any(line.split(b"#")[0].strip() for line in opened.read().splitlines())
    return False


@dataclass(frozen=True)
class _Request:
    body: bytes
    media_type: str

    def send(self, container: ModelContainer) -> ContainerResponse:
        """Sends the document as SageMaker does."""
        timeout = DEFAULT_INVOCATION_TIMEOUT_SECONDS
        return container.invoke(Invocation(self.body, timeout=timeout, content_type=self.media_type))


def _ask(
    container: ModelContainer, request: _Request, settings: ContainerSettings, found: CheckedArchive
) -> ContainerResponse | None:
    """Returns the first response that is an error, else the last one; None if there was none, with the failure."""
    try:
        container.wait_ready(settings.startup_seconds)
        found.load_seconds = round(container.startup_seconds or 0.0, 3)
        response = _send_all(container, request, settings, found)
    except ContainerFailed as error:
        found.failure = str(error).removeprefix(_NOT_LOADED).replace(f" (log: {container.log})", "")
        return None
    except (ContainerDied, ContainerTimeout) as error:
        found.failure = f"{_failed_request(found)}{error}"
        return None
    found.status = response.status
    if not _is_success(response):
        _describe(response, found)
    return response


def _send_all(
    container: ModelContainer, request: _Request, settings: ContainerSettings, found: CheckedArchive
) -> ContainerResponse:
    """Returns the first response that is an error, else the last one; `found` has what succeeded before it."""
    response, seconds = _timed(container, request)
    if not _is_success(response):
        return response
    _describe(response, found)
    found.first_result_seconds = seconds
    response, seconds = _timed(container, request)
    if not _is_success(response):
        return response
    found.second_result_seconds = seconds
    return response if settings.batch_size == 1 else _ask_at_once(container, request, settings.batch_size, found)


def _ask_at_once(container: ModelContainer, request: _Request, count: int, found: CheckedArchive) -> ContainerResponse:
    found.batch_size = count
    began = time.perf_counter()
    with ThreadPoolExecutor(count) as pool:
        responses = list(pool.map(lambda _: request.send(container), range(count)))
    found.batch_seconds = round(time.perf_counter() - began, 3)
    return next((each for each in responses if not _is_success(each)), responses[-1])


def _failed_request(found: CheckedArchive) -> str:
    """Returns which of the requests failed, with a colon; empty for the first."""
    if found.batch_size:
        return f"one of {found.batch_size} at once: "
    return "" if found.first_result_seconds is None else "the second request: "


def _timed(container: ModelContainer, request: _Request) -> tuple[ContainerResponse, float]:
    began = time.perf_counter()
    response = request.send(container)
    return response, round(time.perf_counter() - began, 3)


def _is_success(response: ContainerResponse) -> bool:
    return HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES


def _describe(response: ContainerResponse, found: CheckedArchive) -> None:
    found.content_type = response.content_type
    found.result_bytes = len(response.body)
    text = response.body.decode("utf-8", "replace")
    is_text = text.encode() == response.body and not _CONTROL.search(text)
    found.result = text if is_text else f"({counted(len(response.body), 'byte')}, not text)"


@contextmanager
def _peak_memory(container: ModelContainer, found: CheckedArchive) -> Iterator[None]:
    with PeakMemory(container.pid or 0) as memory:
        yield
    found.peak_memory_mb = memory.megabytes


def _read_logs(container: ModelContainer, found: CheckedArchive) -> None:
    found.log = container.log.read_text(encoding="utf-8", errors="replace") if container.log.is_file() else ""
    if found.status is not None and found.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return  # processed, or rejected by the model itself
    errors = container_log.reported_errors(container.reports)
    # Of what a worker prints when it ends, the log often lacks the end.
    lines = [*errors[-1].traceback, errors[-1].error] if errors else container.worker_lines()
    found.last_lines = lines[-_LAST_LINES:]
