import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_s3_assets as assets

from stacks.lambda_code import LambdaCodeError, staged
from tests.stacks.templates import ROOT


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A repository with one small function, the real shared code and the real protocol."""
    folder = tmp_path / "sources"
    function = folder / "lambda" / "small"
    function.mkdir(parents=True)
    (function / "handler.py").write_text("from async_endpoint.protocol import S3Location\n", encoding="utf-8")
    (function / "logic.py").write_text("ANSWER = 42\n", encoding="utf-8")
    shutil.copytree(ROOT / "lambda" / "shared", folder / "lambda" / "shared")
    shutil.copytree(
        ROOT / "src" / "async_endpoint", folder / "src" / "async_endpoint", ignore=shutil.ignore_patterns("emulator")
    )
    return folder


def digest(sources: Path) -> str:
    """The hash by which the CDK names the function's asset."""
    with staged("small", sources=sources) as folder:
        return assets.Asset(cdk.Stack(), "Code", path=str(folder)).asset_hash


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_function_includes_its_modules_the_shared_ones_and_the_protocol_and_nothing_else(sources: Path) -> None:
    (sources / "lambda" / "small" / "__pycache__").mkdir()
    (sources / "lambda" / "small" / "__pycache__" / "logic.cpython-311.pyc").write_bytes(b"code")
    (sources / "lambda" / "small" / "README.md").write_text("for people", encoding="utf-8")
    modules = {path.name for path in (ROOT / "src" / "async_endpoint" / "protocol").glob("*.py")}
    shared = {path.name for path in (ROOT / "lambda" / "shared").glob("*.py")}
    with staged("small", sources=sources) as folder:
        assert files(folder) == {
            "small/handler.py",
            "small/logic.py",
            "async_endpoint/__init__.py",
            *(f"shared/{name}" for name in shared),
            *(f"async_endpoint/protocol/{name}" for name in modules),
        }
        assert (folder / "async_endpoint" / "__init__.py").read_bytes() == b""
    assert not folder.exists()


def test_the_protocol_in_a_function_needs_nothing_but_python(sources: Path) -> None:
    with staged("small", sources=sources) as folder:
        script = f"import sys; sys.path.insert(0, {str(folder)!r}); import small.handler"
        done = subprocess.run([sys.executable, "-I", "-S", "-B", "-c", script], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_everybody_may_read_what_is_deployed(sources: Path) -> None:
    (sources / "lambda" / "small" / "logic.py").chmod(0o600)
    usual = os.umask(0o077)
    try:
        with staged("small", sources=sources) as folder:
            assert {stat.S_IMODE((folder / name).stat().st_mode) for name in files(folder)} == {0o644}
    finally:
        os.umask(usual)


def test_the_same_code_elsewhere_and_at_another_time_is_the_same_asset(sources: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(sources, elsewhere)
    (elsewhere / "lambda" / "small" / "__pycache__").mkdir()
    (elsewhere / "lambda" / "small" / "__pycache__" / "logic.cpython-314.pyc").write_bytes(b"other code")
    for path in elsewhere.rglob("*.py"):
        os.utime(path, (0, 0))
        path.chmod(0o600)
    assert digest(elsewhere) == digest(sources)


@pytest.mark.parametrize(
    "changed", ["lambda/small/logic.py", "lambda/shared/batch.py", "src/async_endpoint/protocol/locations.py"]
)
def test_a_change_of_any_included_file_is_another_asset(sources: Path, changed: str) -> None:
    before = digest(sources)
    (sources / changed).write_text("ANSWER = 43\n", encoding="utf-8")
    assert digest(sources) != before


@pytest.mark.parametrize(
    "missing",
    ["lambda/small/handler.py", "lambda/shared/__init__.py", "src/async_endpoint/protocol/__init__.py"],
    ids=["handler", "shared", "protocol"],
)
def test_an_incomplete_function_is_rejected_with_the_missing_file(sources: Path, missing: str) -> None:
    (sources / missing).unlink()
    message = f"{missing} is missing; function small cannot be assembled"
    with pytest.raises(LambdaCodeError, match=message), staged("small", sources=sources):
        pytest.fail("it was staged")
