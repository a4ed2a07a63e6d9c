"""Many simulations with the same traffic, on all processors."""

from __future__ import annotations

import multiprocessing
import os
import signal
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, cast

from async_endpoint.planner.errors import PlanError
from async_endpoint.planner.references import Template
from async_endpoint.planner.simulation import simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

    from async_endpoint.planner.conditions import Conditions
    from async_endpoint.planner.outcome import Outcome
    from async_endpoint.planner.template import Stage
    from async_endpoint.planner.traffic import Traffic

Case = tuple["Stage", "Conditions"]


def simulate_all(
    cases: Sequence[Case],
    traffic: Traffic,
    *,
    workers: int | None = None,
    done: Callable[[int], None] = lambda _: None,
) -> list[Outcome]:
    """Simulates stages under a traffic, in processes of their own; equal cases once.

    The outcomes do not depend on the number of processes: each simulation draws from its own seed.

    Args:
        cases: Stages with their conditions.
        traffic: The traffic of all of them.
        workers: How many processes; by default one for each processor. With one, this process simulates.
        done: Is called with the number of cases whenever some of them are simulated.

    Returns:
        The outcomes, in the order of the cases.

    Raises:
        PlanError: See `simulate`.
    """
    different: list[Case] = []
    places = []
    for case in cases:
        if case not in different:
            different.append(case)
        places.append(different.index(case))
    count = min(workers or os.cpu_count() or 1, len(different))
    found: dict[int, Outcome] = {}
    with closing(_in_turn(different, traffic) if count <= 1 else _at_once(different, traffic, count)) as outcomes:
        for index, outcome in outcomes:
            found[index] = outcome
            done(places.count(index))
    return [found[place] for place in places]


def _in_turn(cases: Sequence[Case], traffic: Traffic) -> Generator[tuple[int, Outcome], None, None]:
    for index, (stage, conditions) in enumerate(cases):
        yield index, simulate(stage, traffic, conditions)


def _at_once(cases: Sequence[Case], traffic: Traffic, count: int) -> Generator[tuple[int, Outcome], None, None]:
    """Yields outcomes as they come; its processes end with it, whatever ends it.

    Not a ProcessPoolExecutor: before Python 3.14 nothing public of it ends processes that are at work.
    """
    # Not "fork": that copies a process with its threads' locks, and is not the same on every system.
    context = multiprocessing.get_context("spawn")
    workers: dict[Connection, SpawnProcess] = {}
    busy: dict[Connection, int] = {}
    left = iter(enumerate(map(_small, cases)))

    def give(connection: Connection) -> None:
        if (following := next(left, None)) is not None:
            busy[connection], case = following
            with _as_error_of(workers[connection]):
                connection.send(case)

    try:
        with _children_ignore_interrupts():
            for _ in range(count):
                ours, theirs = context.Pipe()
                process = context.Process(target=_work, args=(theirs, traffic), daemon=True)
                workers[ours] = process
                process.start()
                theirs.close()
        for connection in workers:
            give(connection)
        while busy:
            for connection in cast("list[Connection]", wait(list(busy))):
                with _as_error_of(workers[connection]):
                    outcome: Outcome | Exception = connection.recv()
                if isinstance(outcome, Exception):
                    raise outcome
                yield busy.pop(connection), outcome
                give(connection)
    finally:
        for connection, process in workers.items():
            connection.close()
            if process.pid is not None:  # it was started
                process.kill()
                process.join()


@contextmanager
def _as_error_of(process: SpawnProcess) -> Iterator[None]:
    """Says of a connection that broke how the process at its other end ended."""
    try:
        yield
    except (EOFError, OSError) as error:
        process.join()
        raise PlanError(
            f"A process of the simulation ended with {process.exitcode}, as it does without memory: vary less at once."
        ) from error


@contextmanager
def _children_ignore_interrupts() -> Iterator[None]:
    """Has processes that are started meanwhile ignore Ctrl-C, which a terminal sends to all: this one ends them.

    They inherit the mask of blocked signals; this process gets what came meanwhile when the mask is restored.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # The first process to be started would start this one too, and Python unblocks the signal after that.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _small(case: Case) -> Case:
    """Returns a case without the templates, which no simulation reads and a pipe would not hold at once."""
    stage, conditions = case
    return replace(stage, template=Template([])), conditions


def _work(connection: Connection, traffic: Traffic) -> None:
    """Simulates the cases that come, until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):
        while True:
            stage, conditions = connection.recv()
            try:
                outcome: Outcome | Exception = simulate(stage, traffic, conditions)
            except Exception as error:  # noqa: BLE001 - the other end raises it
                outcome = error
            connection.send(outcome)
