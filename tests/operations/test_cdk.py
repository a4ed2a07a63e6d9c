"""The CDK CLI is run through npx; here a program of that name stands in for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from async_endpoint.operations.cdk import CdkError, diff_stack, synthesise, synthesised

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def npx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a shell script in the place of npx."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def write(script: str) -> None:
        (folder / "npx").write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (folder / "npx").chmod(0o755)

    return write


def test_a_stage_is_synthesised_into_a_folder_that_is_removed(npx: Callable[[str], None]) -> None:
    npx('mkdir -p "$6" && echo "$@" > "$6/arguments"')  # the argument of --output
    with synthesised("dev") as folder:
        arguments = (folder / "arguments").read_text(encoding="utf-8")
    assert arguments == f"cdk synth --quiet --no-notices --output {folder} -c stage=dev\n"
    assert not folder.exists()


def test_another_image_of_a_stage_is_a_context_value_and_is_named_in_a_failure(
    npx: Callable[[str], None], tmp_path: Path
) -> None:
    npx('echo "$@" > arguments')
    (tmp_path / "app").mkdir()
    synthesise("dev", tmp_path / "out", app=tmp_path / "app", image="pytorch-2.6")
    assert (tmp_path / "app" / "arguments").read_text().endswith(" -c stage=dev -c image=pytorch-2.6\n")
    npx("exit 1")
    with pytest.raises(CdkError, match=r"^Stage dev cannot be synthesised with the image pytorch-2\.6:"):
        synthesise("dev", tmp_path / "out", image="pytorch-2.6")


def test_the_app_of_another_checkout_imports_that_checkout_s_package(
    npx: Callable[[str], None], tmp_path: Path
) -> None:
    npx('echo "$PWD $PYTHONPATH" > ran')
    (tmp_path / "app").mkdir()
    synthesise("dev", tmp_path / "out", app=tmp_path / "app")
    assert (tmp_path / "app" / "ran").read_text(encoding="utf-8") == f"{tmp_path}/app {tmp_path}/app/src\n"


def test_a_failed_synthesis_has_the_last_lines_and_the_whole_log(npx: Callable[[str], None], tmp_path: Path) -> None:
    npx("for line in 1 2 3 4 5 6; do echo $line; done; exit 1")
    with pytest.raises(CdkError) as failed:
        synthesise("dev", tmp_path / "out")
    assert str(failed.value) == "Stage dev cannot be synthesised:\n2\n3\n4\n5\n6"
    assert failed.value.log == "1\n2\n3\n4\n5\n6\n"


def test_a_failed_synthesis_has_no_lines_of_jsiis_banner(npx: Callable[[str], None], tmp_path: Path) -> None:
    npx("cat <<\"END\"\nStage nope is unknown.\nb'!!!!!!!!\\n'\n!! This is Node\nEND\nexit 1")
    with pytest.raises(CdkError) as failed:
        synthesise("nope", tmp_path / "out")
    assert str(failed.value) == "Stage nope cannot be synthesised:\nStage nope is unknown."
    assert "Node" in failed.value.log


def test_without_npx_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CdkError, match=r"npx cannot be run: No such file or directory\. Install Node 20 or later"):
        synthesise("dev", tmp_path / "out")


def test_a_diff_has_no_lines_of_npm(npx: Callable[[str], None], tmp_path: Path) -> None:
    npx("echo 'npm warn config'; echo 'Stack Endpoint'")
    assert diff_stack("Endpoint", tmp_path, tmp_path / "Endpoint.template.json") == "Stack Endpoint\n"
