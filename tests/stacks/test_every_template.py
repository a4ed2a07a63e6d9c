"""`make templates` tries every stage with every image, and fails where a stage's own does not go."""

from collections.abc import Callable
from pathlib import Path

import pytest

from async_endpoint.protocol.serving_images import DEFAULT_IMAGE, IMAGES
from tests.stacks.every_template import main, stages_and_images
from tests.stacks.templates import ROOT

PLACE = "stages/mine.toml"

Run = Callable[[str], tuple[int, list[str]]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Synthesises a stage of one's own, and returns the exit status and what is printed."""

    def synthesised(endpoint: str) -> tuple[int, list[str]]:
        file = f'[workflow]\nenabled = false\n[endpoint]\nname = "donut"\n{endpoint}'
        stages = tmp_path / "stages"
        stages.mkdir()
        (stages / "mine.toml").write_text(file, encoding="utf-8")
        status = main(stages, tmp_path / "templates")
        return status, capsys.readouterr().out.splitlines()

    return synthesised


def test_the_stages_here_are_tried_with_every_image() -> None:
    tried = [(stage, image or DEFAULT_IMAGE) for stage, image in stages_and_images(ROOT / "config")]
    assert sorted(tried) == sorted((stage, image) for stage in ("dev", "prod") for image in IMAGES)


def test_a_stage_with_an_own_image_is_tried_with_it_and_with_every_other(run: Run) -> None:
    status, lines = run(
        'image = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/mine:1"\nimage_base = "pytorch-2.6"\n'
        'instance_type = "ml.p5.4xlarge"\n'
    )
    assert (status, len(lines)) == (0, 1 + len(IMAGES))
    assert lines[0] == "mine: cdk-nag finds nothing"
    rejected = f'mine-pytorch-1.11: cannot have this image: {PLACE}: endpoint.instance_type is "ml.p5.4xlarge"'
    assert lines[1].startswith(rejected)
    assert lines[2:] == ["mine-pytorch-2.6: cdk-nag finds nothing", "mine-huggingface-2.6: cdk-nag finds nothing"]


def test_a_stage_that_cannot_have_its_own_image_fails(run: Run) -> None:
    status, lines = run('image = "pytorch-1.11"\ninstance_type = "ml.p5.4xlarge"\n')
    assert status == 1
    assert lines[0].startswith(f'mine: {PLACE}: endpoint.instance_type is "ml.p5.4xlarge"; its GPU is of')
