"""The packing step of this checkout is run; `tests/cli/test_model.py` checks what it packs."""

from pathlib import Path

import pytest

from async_endpoint.operations.model.packing import PackingError, lock_packages, pack_archive
from tests.stacks.templates import ROOT, write_artifacts


def test_an_archive_is_packed_and_its_path_returned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    archive = pack_archive(write_artifacts(tmp_path / "model"), dependencies="install")
    assert archive.is_file()
    assert archive.name == "model.tar.gz"


def test_the_packing_step_prints_its_own_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    (tmp_path / "code").mkdir()
    with pytest.raises(PackingError) as failed:
        lock_packages(tmp_path)
    assert str(failed.value) == ""
    assert "lists no package for the image pytorch-1.11; there is nothing to lock." in capfd.readouterr().err


def test_without_the_app_s_checkout_there_is_no_packing_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PackingError, match=r"model_artifacts/pack\.py does not exist here: run this in the app's"):
        pack_archive(tmp_path)
