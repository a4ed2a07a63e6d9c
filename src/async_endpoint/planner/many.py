"""Many simulations with the same traffic, on all processors."""

from __future__ import annotations

import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from async_endpoint.planner.references import Template
from async_endpoint.planner.simulation import simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from async_endpoint.planner.conditions import Conditions
    from async_endpoint.planner.outcome import Outcome
    from async_endpoint.planner.template import Stage
    from async_endpoint.planner.traffic import Traffic

Case = tuple["Stage", "Conditions"]

_shared: list[Traffic] = []  # in a worker: what all its simulations share


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
    others = set(multiprocessing.active_children())
    # Not "fork": that copies a process with its threads' locks, and is not the same on every system.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_share, initargs=(traffic,))
    try:
        with _children_ignore_interrupts():
            futures = {pool.submit(_simulate, _small(case)): index for index, case in enumerate(cases)}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BaseException:
        # A simulation takes seconds, and nobody waits for it any more. The pool ends once it has seen them all gone.
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()


@contextmanager
def _children_ignore_interrupts() -> Iterator[None]:
    """Has processes that are started meanwhile ignore Ctrl-C, which a terminal sends to all: this one ends them.

    They inherit the mask of blocked signals; this process gets what came meanwhile when the mask is restored.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _small(case: Case) -> Case:
    """Returns a case without the templates, which no simulation reads and a pipe would not hold at once."""
    stage, conditions = case
    return replace(stage, template=Template([])), conditions


def _share(traffic: Traffic) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _shared[:] = [traffic]


def _simulate(case: Case) -> Outcome:
    stage, conditions = case
    return simulate(stage, _shared[0], conditions)
