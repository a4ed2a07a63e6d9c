"""The picture of measured times: a mark for each document, a line for each percentile, a word where there is none."""

from pathlib import Path

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
    """The rows of one half of a picture that have pixels of a colour; the legend is below the middle of its panel."""
    wanted, width = ImageColor.getrgb(color), image.width // 2
    part = image.crop((half * width, 0, (half + 1) * width - width // 3, image.height))
    pixels = part.load()
    assert pixels
    return {y for y in range(part.height) for x in range(part.width) if pixels[x, y] == wanted}


def test_documents_are_marks_and_percentiles_lines_at_their_height(tmp_path: Path) -> None:
    image = drawn(tmp_path / "times.png", Measured(3.0, [1.0] * 99 + [10.0]), Measured(9.0, [1.0, 9.0]))

    for half in (0, 1):
        assert heights(image, POINT, half)
    slow_p50, slow_p95 = heights(image, P50, 1), heights(image, P95, 1)
    assert max(slow_p95) < min(slow_p50)  # 8.6 s is above 5 s
    assert max(heights(image, P95, 0)) > image.height // 2  # 1 s of 11 s


def test_without_a_result_there_is_a_word_and_no_mark(tmp_path: Path) -> None:
    image = drawn(tmp_path / "times.png", Measured(3.0, [], ("bad",)), Measured(3.0, [2.0], ("bad",)))

    assert [bool(heights(image, POINT, half)) for half in (0, 1)] == [False, True]
    assert not heights(image, P50, 0)
