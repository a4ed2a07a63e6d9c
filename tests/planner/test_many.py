"""Many simulations: the same outcomes with any number of processes, equal cases once, and a clean end."""

import multiprocessing
from dataclasses import replace

import pytest

from async_endpoint.planner import Conditions, Outcome, PlanError, Stage, Traffic, simulate, simulate_all
from async_endpoint.planner import many as module
from tests.planner.stages import arriving, conditions, documented, endpoint, stage, target

TRAFFIC = arriving(*[600.0 + 7 * each for each in range(300)], seconds=7_200)
CASES = [
    (stage(documented()), conditions(12)),
    (stage(endpoint()), conditions(12)),
    (stage(documented(), target(most=2)), conditions(12, seed=3)),
    (stage(endpoint(instances=3)), conditions(12)),
]


def test_outcomes_do_not_depend_on_the_number_of_processes() -> None:
    alone = [simulate(each, TRAFFIC, given) for each, given in CASES]
    assert len({each.instance_seconds for each in alone}) == len(CASES)
    for workers in (1, 2, 3):
        assert simulate_all(CASES, TRAFFIC, workers=workers) == alone
    assert multiprocessing.active_children() == []


def test_equal_cases_are_simulated_once_and_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    simulated: list[Stage] = []

    def noted(stage_: Stage, traffic: Traffic, given: Conditions) -> Outcome:
        simulated.append(stage_)
        return simulate(stage_, traffic, given)

    monkeypatch.setattr(module, "simulate", noted)
    counted: list[int] = []
    (case, *_) = CASES
    others = (stage(documented()), replace(case[1], seed=1))
    outcomes = simulate_all([case, case, others, case], TRAFFIC, workers=1, done=counted.append)
    assert len(simulated) == 2
    assert counted == [3, 1]
    assert outcomes[0] == outcomes[1] == outcomes[3]


def test_what_cannot_be_simulated_is_an_error_from_a_process_too() -> None:
    wrong = (stage(endpoint(concurrency=None)), conditions(1))
    with pytest.raises(PlanError, match="leaves it to SageMaker how many requests"):
        simulate_all([CASES[0], wrong], TRAFFIC, workers=2)
    assert multiprocessing.active_children() == []


def test_an_interrupt_ends_every_process() -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate_all(CASES, TRAFFIC, workers=2, done=interrupt)
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("when", ["at work", "before it gets its next case"])
def test_a_process_that_is_killed_is_an_error_and_ends_the_others(when: str) -> None:
    def kill(_: int) -> None:
        for child in multiprocessing.active_children():
            child.kill()
            if when != "at work":
                child.join()

    with pytest.raises(PlanError, match="A process of the simulation ended with -9"):
        simulate_all(CASES, TRAFFIC, workers=2, done=kill)
    assert multiprocessing.active_children() == []
