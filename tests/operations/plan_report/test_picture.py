"""The picture of a plan: three panels for each stage, with what its lines show at their height."""

from pathlib import Path

import pytest
from PIL import Image, ImageColor

from async_endpoint.operations.plan_report.axes import Calendar
from async_endpoint.planner.traffic import DAY
from tests.operations.plan_report.plans import planned
from tests.planner.stages import arriving

WAITING, SERVING, P50, P95 = "#2f6fb5", "#7048c4", "#12a08a", "#a3212a"


def drawn(path: Path, *requests: float, columns: int = 1) -> Image.Image:
    from async_endpoint.operations.plan_report.picture import draw_plan  # noqa: PLC0415 - it imports matplotlib

    stage = planned("dev", arriving(*requests, seconds=2 * DAY))
    histories = [(f"dev $ {number} $", stage.history) for number in range(columns)]
    with path.open("wb") as file:
        draw_plan(file, histories, Calendar.from_history(stage.history))
    with Image.open(path) as image:
        return image.convert("RGB")


def columns_of(image: Image.Image, color: str, third: int) -> set[int]:
    """The columns of a panel, of three below one another, that have pixels of a colour."""
    wanted, height = ImageColor.getrgb(color), image.height // 3
    part = image.crop((0, third * height, image.width, (third + 1) * height))
    pixels = part.load()
    assert pixels
    return {x for x in range(part.width) for y in range(part.height) if pixels[x, y] == wanted}


def test_a_burst_on_the_second_day_waits_in_the_right_half(tmp_path: Path) -> None:
    image = drawn(tmp_path / "plan.png", *[1.25 * DAY + second for second in range(200)])
    waiting = columns_of(image, WAITING, 0)
    assert waiting
    assert min(waiting) > image.width / 2
    assert min(columns_of(image, P95, 2)) > image.width / 2
    assert columns_of(image, P50, 2)
    assert columns_of(image, SERVING, 1)


def test_without_a_request_there_are_axes_and_no_wait(tmp_path: Path) -> None:
    many, none = (drawn(tmp_path / "plan.png", *requests) for requests in (range(200), ()))
    # A legend has no more than one line's length of a colour.
    assert len(columns_of(many, WAITING, 0)) > 0 == len(columns_of(none, WAITING, 0))
    assert len(columns_of(none, P95, 2)) < 60


@pytest.mark.parametrize("columns", [1, 2])
def test_each_stage_has_a_column(tmp_path: Path, columns: int) -> None:
    image = drawn(tmp_path / "plan.png", 100.0, 200.0, columns=columns)
    assert image.width == round((11 + 6.5 * (columns - 1)) * 120)


def test_the_same_plan_gives_the_same_picture(tmp_path: Path) -> None:
    assert drawn(tmp_path / "one.png", 1.0, 2.0).tobytes() == drawn(tmp_path / "two.png", 1.0, 2.0).tobytes()
