"""The images of the README need nothing from elsewhere, and its numbers are those of the same run."""

from demo.images import README, picture_of, with_last_line

LINE = "100 documents, 99 completed, 1 failed, 92 exact, 17.8 s, woke from zero in 12.4 s (247 s on AWS's clock)"


def test_the_picture_loads_nothing_and_counts_each_phase_once() -> None:
    picture = picture_of("submitted 45/90\nsubmitted 90/90\nanswered 9/90\nanswered 90/90\n")
    assert "url(http" not in picture
    assert [count in picture for count in ("45/90", ">9/90", "answered&#160;90/90")] == [False, False, True]


def test_the_readme_has_one_line_with_the_demos_numbers() -> None:
    readme = README.read_text(encoding="utf-8")
    assert with_last_line(readme, LINE).count(LINE) == 1
