"""The picture of measured times: a mark for each document, a line for each percentile, a word where there is none."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageColor

from async_endpoint.operations.bench import Measured

POINT, P50, P95 = "#2f6fb5", "#12a08a", "#a3212a"


def drawn(path: Path, left: Measured, right: Measured) -> Image.Image:
    from async_endpoint.operations.bench_plot import draw_times  # noqa: PLC0415 - it imports matplotlib

    with path.open("wb") as file:
        draw_times(file, "times", {"one by one": left, "all at once": right})
    with Image.open(path) as image:
        return image.convert("RGB")


def heights(image: Image.Image, color: str, half: int) -> set[int]:
    """The rows of one half of a picture that have pixels of a colour; the legend is below the axes."""
    wanted, width = ImageColor.getrgb(color), image.width // 2
    part = image.crop((half * width, 0, (half + 1) * width, image.height * 4 // 5))
    pixels = part.load()
    assert pixels
    return {y for y in range(part.height) for x in range(part.width) if is_near(pixels[x, y], wanted)}


def is_near(pixel: Any, color: tuple[int, ...]) -> bool:
    """Whether a pixel has a colour; the edge of a line is mixed with the white beside it."""
    return bool(sum(abs(one - other) for one, other in zip(pixel, color, strict=True)) < 60)


def test_documents_are_marks_and_percentiles_lines_at_their_height(tmp_path: Path) -> None:
    image = drawn(tmp_path / "times.png", Measured(3.0, [1.0] * 99 + [10.0]), Measured(9.0, [1.0, 9.0]))

    for half in (0, 1):
        assert heights(image, POINT, half)
    slow_p50, slow_p95 = heights(image, P50, 1), heights(image, P95, 1)
    assert max(slow_p95) < min(slow_p50)  # 8.6 s is above 5 s
    assert max(heights(image, P95, 0)) > image.height // 2  # 1 s of 11 s


def test_percentiles_that_are_equal_are_both_seen(tmp_path: Path) -> None:
    image = drawn(tmp_path / "times.png", Measured(3.0, [1.0] * 20), Measured(3.0, [1.0] * 20))

    for half in (0, 1):
        assert heights(image, P50, half)
        assert heights(image, P95, half)


def test_the_legend_covers_no_document(tmp_path: Path) -> None:
    """Documents as quick as these at the right end lie where a legend inside the axes would."""
    panel = Measured(9.0, [10.0] * 8 + [0.5] * 2)
    image = drawn(tmp_path / "times.png", panel, panel)

    width = image.width // 2
    corner = image.crop((width - width // 4, image.height * 3 // 4, width, image.height * 9 // 10))
    pixels = corner.load()
    assert pixels
    wanted = ImageColor.getrgb(POINT)
    columns = {x for x in range(corner.width) for y in range(corner.height) if pixels[x, y] == wanted}
    marks = [x for x in columns if x - 1 not in columns]
    assert len(marks) == 2


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.1623, "0.162"), (1.2634, "1.26"), (67.81, "67.8"), (1234.5, "1,234"), (0.0, "0.00")]
)
def test_seconds_have_three_digits(seconds: float, text: str) -> None:
    from async_endpoint.operations import bench_plot  # noqa: PLC0415 - it imports matplotlib

    assert bench_plot.three_digits(seconds) == text


def test_without_a_result_there_is_a_word_and_no_mark(tmp_path: Path) -> None:
    image = drawn(tmp_path / "times.png", Measured(3.0, [], ("bad",)), Measured(3.0, [2.0], ("bad",)))

    assert [bool(heights(image, POINT, half)) for half in (0, 1)] == [False, True]
    assert not heights(image, P50, 0)
