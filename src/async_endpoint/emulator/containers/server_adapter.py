"""What the local AWS has to know of a model server beyond /ping and /invocations; a module for each server has it.

`torchserve` and `multi_model_server` document how each behaves; `servers` chooses one by an image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


class ModelLog(Protocol):
    """Follows what one container's server logs about its workers; thread-safe."""

    def has_model(self, description: object, owns: Callable[[int], bool]) -> bool:
        """Returns whether a worker has loaded the model and still runs, idle or busy.

        Args:
            description: The parsed response to GET /models/model.
            owns: Whether a process id is one of the container's; the port could be another container's.
        """


@dataclass(frozen=True)
class ServerAdapter:
    """One kind of model server.

    Attributes:
        name: The program that the toolkit starts it with, and by which toolkit_program.py knows it.
        launcher: The script that runs in place of that program.
        at_start: Scripts whose `install` each Python interpreter of the container runs first.
        ports: How many ports it listens on; the first is that of /ping, /invocations and its management.
        variables: Takes the ports; returns the variables that bind it to them on loopback, whatever a Model says.
        follow: Takes the container's output and the reports of its workers.
        load_failure: Takes the same; returns why workers cannot load the model, before any has; None if unknown.
        worker_lines: Takes the output; returns what the workers printed, without what every worker prints.
        without_code: What the toolkit does with an archive that has no code.
        load_timeout: Takes the Model's variables and the server's version; returns how many seconds a load may take.
    """

    name: str
    launcher: Path
    at_start: tuple[Path, ...]
    ports: int
    variables: Callable[[Sequence[int]], dict[str, str]]
    follow: Callable[[Path, Path], ModelLog]
    load_failure: Callable[[Path, Path], str | None]
    worker_lines: Callable[[Path], list[str]]
    without_code: str
    load_timeout: Callable[[Mapping[str, str], str], float]
