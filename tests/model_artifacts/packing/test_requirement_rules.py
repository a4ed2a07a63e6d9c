"""A package at one version is taken; every other kind of line has a sentence of its own that says what to do."""

from pathlib import Path

import pytest

from async_endpoint.protocol.serving_images import DEFAULT_IMAGE, IMAGES, ServingImage
from model_artifacts.packing.errors import ArchiveError
from model_artifacts.packing.installed_rules import check_installed
from model_artifacts.packing.requirement_rules import included

COMMIT = "0" * 40
IMAGE = IMAGES[DEFAULT_IMAGE]


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    return tmp_path / "code" / "requirements.txt"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def pins(requirements: Path, text: str, image: ServingImage = IMAGE) -> list[tuple[str, tuple[str, ...]]]:
    write(requirements, text)
    return [(pin.text, pin.hashes) for pin in included(requirements, image)]


def rejection(requirements: Path, text: str, image: ServingImage = IMAGE) -> str:
    with pytest.raises(ArchiveError) as caught:
        pins(requirements, text, image)
    return str(caught.value).replace(str(requirements), "FILE")


def rejection_of_pip(requirements: Path, text: str) -> str:
    write(requirements, text)
    with pytest.raises(ArchiveError) as caught:
        check_installed(requirements, IMAGE)
    return str(caught.value).replace(str(requirements), "FILE")


@pytest.mark.parametrize(
    "line",
    [
        "six==1.16.0",
        "Six_y [a,b] == 1.0 ; python_version < '3.9'",
        "six===1.16.0",
        "six (==1.16)",
        "six==1.0,>=0.9",
        "six==1.0+a,==1.0",
    ],
)
def test_one_version_is_a_pin(requirements: Path, line: str) -> None:
    assert pins(requirements, line) == [(line, ())]
    check_installed(requirements, IMAGE)


def test_hashes_are_those_that_the_lock_may_have(requirements: Path) -> None:
    text = (
        "six==1.16.0 \\\n    --hash=sha256:b \\\n    --hash=sha256:a\nseven==1\n--require-hashes\n--only-binary :all:\n"
    )
    assert pins(requirements, text) == [("six==1.16.0", ("sha256:a", "sha256:b")), ("seven==1", ())]


@pytest.mark.parametrize("line", ["six", "six>=1.0", "six==1.*", "six~=1.0", "six!=1.0", "six = 1.0"])
def test_what_is_no_version_is_rejected_both_ways(requirements: Path, line: str) -> None:
    advice = "write each package as name==version, so that every container gets the same."
    for sentence in (rejection(requirements, f"# why\n{line}"), rejection_of_pip(requirements, f"# why\n{line}")):
        assert sentence.startswith("FILE, line 2, is ")
        assert line in sentence
        assert sentence.endswith(advice)


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("six @ https://example.com/six.zip", "put the package's files into code/, or set model.dependencies"),
        (
            "https://example.com/six-1-py3-none-any.whl",
            "unpack the wheel into code/ (python -m zipfile -e WHEEL code), or",
        ),
        ("git+https://example.com/six.git", "put the package's files into code/, or set model.dependencies"),
        ("./six-1-py3-none-any.whl", "unpack the wheel into code/ (python -m zipfile -e WHEEL code)."),
        ("./six", "put the package's files into code/."),
        ("-e ./six", "put the package's files into code/."),
        ("-r base.txt", "write the lines of that file here, or set model.dependencies"),
        ("-c base.txt", "write the lines of that file here, or set model.dependencies"),
        ("-i https://example.com/simple", "set the variable UV_INDEX_URL"),
        ("--extra-index-url https://example.com/simple", "set the variable UV_EXTRA_INDEX_URL"),
        ("-f wheels", "set the variable UV_FIND_LINKS"),
        ("--no-index", "remove the line: the lock has a hash for every file."),
        (
            "--no-binary :all:",
            "packing takes wheels only, as nothing is built here; put the package's files into code/",
        ),
        ("--pre", "remove the line, or set model.dependencies"),
        ("six==1 --global-option=x", "has the option --global-option, which only pip knows; set model.dependencies"),
    ],
)
def test_each_other_kind_of_line_says_what_to_do_instead(requirements: Path, line: str, advice: str) -> None:
    sentence = rejection(requirements, f"seven==1\n{line}")
    assert sentence.startswith("FILE, line 2, ")
    assert advice in sentence


def test_a_second_version_is_rejected_unless_a_marker_excludes_it(requirements: Path) -> None:
    both = "six==1.0; python_version < '3.9'\nSIX==2.0; python_version >= '3.9'\n"
    assert len(pins(requirements, both)) == 1
    sentence = "FILE, line 2, pins six a second time, after line 1; remove one of the two lines."
    assert rejection(requirements, "six==1.0\nsix==2.0") == sentence
    assert rejection_of_pip(requirements, "six==1.0\nsix==2.0") == sentence


@pytest.mark.parametrize("line", ["six==1.0,>=2.0", "six==1.0,!=1.0", "six==1.0,==2.0"])
def test_a_version_that_the_line_itself_excludes_is_rejected_both_ways(requirements: Path, line: str) -> None:
    sentence = f'FILE, line 1, is "{line}", which no version can be; write each package as name==version, so that '
    assert rejection(requirements, line).startswith(sentence)
    assert rejection_of_pip(requirements, line).startswith(sentence)


def test_a_package_behind_an_option_is_not_dropped(requirements: Path) -> None:
    assert "has six==1.0 after an option" in rejection(requirements, "--require-hashes six==1.0\n")


def test_the_same_line_twice_is_one(requirements: Path) -> None:
    assert pins(requirements, "six==1.0\nsix==1.0\n") == [("six==1.0", ())]


MARKED = """\
six==1.0; python_version < "3.9"
six==2.0; python_version >= "3.9"
seven==7; sys_platform == "linux" and platform_machine == "x86_64"
eight==8; sys_platform == "win32" or python_version == "3.11"
"""


@pytest.mark.parametrize(
    ("name", "version"), [("pytorch-1.11", "1.0"), ("pytorch-2.6", "2.0"), ("huggingface-2.6", "2.0")]
)
def test_markers_are_evaluated_for_the_image_and_not_for_this_python(
    requirements: Path, name: str, version: str
) -> None:
    found = [text.partition(";")[0] for text, _ in pins(requirements, MARKED, IMAGES[name])]
    assert found == [f"six=={version}", "seven==7"]


def test_a_marker_by_what_differs_between_two_builds_of_an_image_is_rejected(requirements: Path) -> None:
    for marker in ('python_full_version >= "3.12.4"', 'platform_release != "5"', '"3.8" in implementation_version'):
        sentence = rejection(requirements, f"six==1.0; {marker}", IMAGES["pytorch-2.6"])
        assert sentence.startswith("FILE, line 1, is ")
        assert sentence.endswith(" depends on the day on which an image was built; use python_version.")


@pytest.mark.parametrize(
    ("line", "name", "brought"),
    [
        ("transformers==4.11.3", "huggingface-2.6", "transformers 5.5.3"),
        ("Torch==1.11.0", "pytorch-2.6", "Torch 2.6.0"),
        ("torchvision===0.21.0+cu124", "huggingface-2.6", "torchvision 0.21.0"),
        ("torch==2.6.0", "pytorch-1.11", "torch 1.11.0"),
    ],
)
def test_a_version_that_contradicts_what_the_image_brings_is_rejected(
    requirements: Path, line: str, name: str, brought: str
) -> None:
    package, _, version = brought.partition(" ")
    assert rejection(requirements, f"# why\n{line}", IMAGES[name]) == (
        f'FILE, line 2, is "{line}", and the image {name} brings {brought}, which is the one that is imported; write '
        f'{package}=={version}, or limit the line to other images with a marker such as ; python_version < "3.9".'
    )


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("transformers==5.5.3", "huggingface-2.6"),
        ("transformers==4.11.3; python_version < '3.9'", "huggingface-2.6"),
        ("transformers==4.11.3", "pytorch-2.6"),
        ("torch==1.11", "pytorch-1.11"),
    ],
)
def test_a_version_that_agrees_with_the_image_or_is_for_another_is_taken(
    requirements: Path, line: str, name: str
) -> None:
    pins(requirements, line, IMAGES[name])


def test_extras_of_what_the_image_brings_are_rejected_as_it_comes_without(requirements: Path) -> None:
    sentence = rejection(requirements, "transformers[vision]==5.5.3", IMAGES["huggingface-2.6"])
    assert sentence.endswith("as it is; write the packages of the extras in lines of their own.")
    assert pins(requirements, "transformers[vision]==5.5.3", IMAGES["pytorch-2.6"])


def test_pip_in_the_container_may_replace_what_the_image_brings(requirements: Path) -> None:
    write(requirements, "transformers==5.6.0\n")
    check_installed(requirements, IMAGES["huggingface-2.6"])
