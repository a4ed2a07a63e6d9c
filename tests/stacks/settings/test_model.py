from pathlib import Path

import pytest

from stacks.settings.fields import SettingsError
from stacks.settings.model import ModelSettings
from tests.stacks.settings.checks import check_choices, check_text, rejection
from tests.stacks.templates import write_artifacts


def test_the_source_is_one_of_three() -> None:
    assert rejection(ModelSettings, source="hub") == (
        'model.source is "hub"; it must be one of "built", "archive", "prefix".'
    )


def test_dependencies_are_included_or_installed() -> None:
    check_choices(ModelSettings, "dependencies", "included", "install")


@pytest.mark.parametrize("folder", ["model_artifacts", "samples/tiny_classifier", "my.model-2/v1", "a./b"])
def test_the_folder_is_below_the_repositorys(folder: str) -> None:
    assert ModelSettings.from_table({"folder": folder}).folder == folder


def test_a_folder_elsewhere_is_rejected() -> None:
    allowed = "a folder below the repository's, such as samples/tiny_classifier"
    wrong = ("../elsewhere", "/srv/model", "a/../b", "a..b", "a//b", "a/", ".hidden", "~", "")
    check_text(ModelSettings, "folder", *wrong, allowed=allowed)


@pytest.mark.parametrize(
    ("wrong", "written"),
    [
        ({"a-b": "1"}, '{ a-b = "1" }'),
        ({"1A": "1"}, '{ 1A = "1" }'),
        ({"OMP_NUM_THREADS": 1}, "{ OMP_NUM_THREADS = 1 }"),
        ("A=1", '"A=1"'),
    ],
)
def test_variables_are_names_and_texts(wrong: object, written: str) -> None:
    assert rejection(ModelSettings, environment=wrong) == (
        f"model.environment is {written}; it must be a table of texts in quotes, each name of letters, digits and "
        "underscores."
    )


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"location": "s3://b-1/m.tar.gz"}, "packed from model_artifacts/: take the location out, or set source"),
        ({"source": "archive"}, 'is missing and model.source "archive"; give an archive in S3 that ends in .tar.gz'),
        (
            {"source": "archive", "location": "s3://b-1/model/"},
            "give an archive in S3 that ends in .tar.gz, such as s3://",
        ),
        ({"source": "prefix", "location": "s3://b-1/model"}, "give a prefix in S3 that ends in /, such as s3://"),
        ({"source": "prefix", "location": "s3://b-1"}, "give a prefix in S3 that ends in /"),
        ({"source": "prefix", "location": "b-1/model/"}, "it must be the location of objects in S3"),
    ],
)
def test_a_source_has_the_location_that_it_needs(table: dict[str, object], message: str) -> None:
    assert message in rejection(ModelSettings, **table)


def test_a_folder_that_does_not_exist_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r'model\.folder is "mine", which does not exist; give the folder'):
        ModelSettings(folder="mine").artifacts_in(tmp_path)


def test_what_is_in_the_folder_is_for_the_packing_step_to_check(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert ModelSettings(folder="mine").artifacts_in(tmp_path) == tmp_path / "mine"


def test_a_folder_of_ones_own_is_found_from_the_repositorys(tmp_path: Path) -> None:
    write_artifacts(tmp_path / "models" / "mine")
    assert ModelSettings(folder="models/mine").artifacts_in(tmp_path) == tmp_path / "models" / "mine"


def test_a_model_that_is_not_built_here_needs_no_folder(tmp_path: Path) -> None:
    ModelSettings(source="archive", location="s3://models/donut.tar.gz").artifacts_in(tmp_path)
