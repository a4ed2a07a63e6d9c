"""The loop over requests: first in, first out, on slots; closed forms, and a naive reference."""

from __future__ import annotations

import math
import random
from array import array
from heapq import heappop, heappush

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_endpoint.planner.requests import Requests

moments = st.lists(st.floats(0, 1_000), min_size=1, max_size=60).map(sorted)


def naive(arrivals: list[float], services: list[float], slots: int) -> list[float]:
    """When each request begins: one event after another."""
    events = [(at, 0, index) for index, at in enumerate(arrivals)]
    waiting: list[int] = []
    free, began = slots, dict[int, float]()
    while events:
        at, kind, index = heappop(events)
        if kind == 0:
            waiting.append(index)
        else:
            free += 1
        # Requests that arrive while another one ends are in the queue before the slot looks into it.
        if events and events[0][0] == at:
            continue
        while free and waiting:
            first = waiting.pop(0)
            free -= 1
            began[first] = at
            heappush(events, (at + services[first], 1, first))
    return [began[index] for index in range(len(arrivals))]


@given(arrivals=moments, data=st.data(), slots=st.integers(1, 5), cuts=st.lists(st.floats(0, 2_000), max_size=8))
def test_every_request_begins_when_a_naive_simulation_begins_it(
    arrivals: list[float], data: st.DataObject, slots: int, cuts: list[float]
) -> None:
    services = data.draw(st.lists(st.floats(0.1, 100), min_size=len(arrivals), max_size=len(arrivals)))
    requests = Requests(array("d", arrivals), array("d", services))
    requests.add_slots(slots, 0)
    for until in (*sorted(cuts), 1e9):  # in how many pieces it runs makes no difference
        requests.run(until)
    assert list(requests.left) == pytest.approx(naive(arrivals, services, slots), abs=1e-9)


def mean_wait(arrivals: array[float], services: array[float], slots: int) -> tuple[float, float]:
    """The mean wait and the half width of its 99.9 % confidence interval, from the means of batches."""
    requests = Requests(arrivals, services)
    requests.add_slots(slots, 0)
    requests.run(math.inf)
    waits = [left - at for left, at in zip(requests.left, arrivals, strict=True)]
    size = len(waits) // 20
    means = [sum(waits[first : first + size]) / size for first in range(0, 20 * size, size)]
    mean = sum(means) / 20
    spread = math.sqrt(sum((each - mean) ** 2 for each in means) / 19)
    return mean, 3.883 * spread / math.sqrt(20)  # Student's t with 19 degrees of freedom


def poisson(rate: float, count: int, source: random.Random) -> array[float]:
    at, found = 0.0, array("d")
    for _ in range(count):
        at += source.expovariate(rate)
        found.append(at)
    return found


def erlang_c(slots: int, load: float) -> float:
    """The probability that a request waits in M/M/c, `load` in erlangs."""
    rest = load**slots / math.factorial(slots) * slots / (slots - load)
    return rest / (sum(load**each / math.factorial(each) for each in range(slots)) + rest)


@pytest.mark.parametrize(("slots", "load"), [(1, 0.7), (2, 1.5), (4, 3.0), (16, 13.0)])
def test_exponential_services_wait_as_erlang_c_says(slots: int, load: float) -> None:
    source = random.Random(slots)  # noqa: S311 - a simulation
    arrivals = poisson(load, 200_000, source)  # a service takes a second on average
    services = array("d", (source.expovariate(1.0) for _ in arrivals))
    mean, within = mean_wait(arrivals, services, slots)
    expected = erlang_c(slots, load) / (slots - load)
    assert within < 0.2 * expected
    assert mean == pytest.approx(expected, abs=within)


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_constant_services_wait_as_pollaczek_and_khinchin_say(load: float) -> None:
    arrivals = poisson(load, 200_000, random.Random(7))  # noqa: S311 - a simulation
    mean, within = mean_wait(arrivals, array("d", [1.0]) * len(arrivals), 1)
    expected = load / (2 * (1 - load))
    assert within < 0.15 * expected
    assert mean == pytest.approx(expected, abs=within)


def test_what_waits_too_long_expires_and_takes_no_slot() -> None:
    requests = Requests(array("d", [0, 1, 2, 3]), array("d", [50.0, 51.0, 52.0, 53.0]), ttl=60)
    requests.add_slots(1, 0)
    requests.run(1_000)
    # The third would begin at 100, and has expired at 62.
    assert (list(requests.left), requests.expired) == ([0, 50, 62, 63], [2, 3])
    assert list(requests.services_of_processed()) == [50, 51]


def test_requests_expire_without_any_slot() -> None:
    requests = Requests(array("d", [0, 100]), array("d", [1.0] * 2), ttl=60)
    requests.run(120)
    assert (requests.expired, requests.waiting(120)) == ([0], 1)


def test_idle_slots_go_first_and_busy_ones_finish() -> None:
    requests = Requests(array("d", [0, 0, 12]), array("d", [100.0, 10.0, 5.0]))
    requests.add_slots(2, 0)
    requests.run(11)
    assert requests.remove_slots(1, 11) == [11]
    requests.run(200)
    assert list(requests.left) == [0, 0, 100]
    assert requests.remove_slots(1, 101) == [105]


def test_those_that_ended_are_taken_once() -> None:
    requests = Requests(array("d", [0, 0, 0]), array("d", [30.0, 10.0, 90.0]))
    requests.add_slots(3, 0)
    requests.run(60)
    assert (requests.take_ended(60), requests.in_work) == ([10, 30], 1)
    assert (requests.take_ended(120), requests.in_work) == ([90], 0)
