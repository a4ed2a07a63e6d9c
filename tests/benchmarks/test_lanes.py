"""The simulation of the lanes goes through with the functions as they are."""

import pytest

from benchmarks.lane_parts import Case
from benchmarks.lane_world import World


@pytest.mark.parametrize("lanes", [False, True])
def test_every_document_of_the_simulation_is_processed(*, lanes: bool) -> None:
    world = World(Case(lanes=lanes, documents=100, upload_seconds=2, urgent_every=3)).run()
    assert world.done.keys() == set(world.accepted)
    assert len(world.done) == len(world.uploaded) > 100
