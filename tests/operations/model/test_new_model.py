"""The files of a new model: where they are, that their stage can be used, and that nothing is replaced."""

from pathlib import Path

import pytest

from async_endpoint.operations.model.new_model import NewModelError, create_model
from stacks.settings.stage import load_settings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout, as far as it matters."""
    (tmp_path / "config").mkdir()
    (tmp_path / "cdk.json").touch()
    return tmp_path


def test_the_stage_of_a_new_model_can_be_used_and_finds_its_files(root: Path) -> None:
    written = create_model(root, "invoice-reader")

    settings = load_settings(root / "config", "invoice-reader")
    assert settings.endpoint.name == "invoice-reader-async"
    assert settings.model.artifacts_in(root) == root / "models" / "invoice-reader"
    assert settings.model.sample_in(root) == root / "models" / "invoice-reader" / "samples" / "one.txt"
    assert sorted(written) == sorted(
        path.relative_to(root)
        for path in root.rglob("*")
        if path.suffix not in ("", ".json") or path.name == "model.json"
    )


@pytest.mark.parametrize("existing", ["models/mine", "config/mine.toml"])
def test_what_exists_is_left_as_it_is(root: Path, existing: str) -> None:
    path = root / existing
    path.parent.mkdir(exist_ok=True)
    path.write_text("of somebody")

    with pytest.raises(NewModelError, match=f"{existing} exists, and is left as it is"):
        create_model(root, "mine")

    assert path.read_text() == "of somebody"
    assert [each for each in root.rglob("*") if each.is_file()] == [*root.glob("cdk.json"), path]


@pytest.mark.parametrize("name", ["Invoice", "1st", "a--b", "a-", "../up", "a_b", "", "a" * 31])
def test_a_name_that_no_stack_can_have_is_rejected(root: Path, name: str) -> None:
    with pytest.raises(NewModelError, match="cannot name a model"):
        create_model(root, name)


def test_another_folder_than_a_checkout_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(NewModelError, match="is not a checkout of the app"):
        create_model(tmp_path, "mine")
