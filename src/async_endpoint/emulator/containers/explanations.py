"""What may stand behind the failure of a model, beyond the words of toolkit and model server."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from async_endpoint.emulator.containers import container_log
from async_endpoint.emulator.containers.opt_ml import NONE_HERE, OPT_ML

if TYPE_CHECKING:
    from collections.abc import Mapping

_CODE = "code"
_SHOWN = 5  # names


def missing_program(model: Path, environment: Mapping[str, str], without_code: str) -> str | None:
    """Returns why the toolkit finds no code in an unpacked archive, and what to change; None if it finds it.

    It imports SAGEMAKER_PROGRAM from code/ (sagemaker-inference's transformer.py, Hugging Face's handler_service.py);
    the servers have the archive's own folder on the import path, too (EnvironmentUtils.java, WorkerLifeCycle.java).
    Where it finds none, it uses its own functions without a word.

    Args:
        model: The unpacked archive.
        environment: The Model's variables.
        without_code: What the toolkit then does, `ModelServer.without_code`.
    """
    module = environment.get("SAGEMAKER_PROGRAM", "inference.py").removesuffix(".py")
    names = _files(model)
    wanted = f"{module.replace('.', '/')}.py"
    package = f"{module.replace('.', '/')}/__init__.py"
    if names & {f"{_CODE}/{wanted}", f"{_CODE}/{package}", wanted, package}:
        return None
    sentence = f"There is no {_CODE}/{wanted} in the archive"
    elsewhere = sorted(name for name in names if PurePosixPath(name).name.lower() == PurePosixPath(wanted).name.lower())
    if elsewhere:
        return f"{sentence}; it has {elsewhere[0]}: {_cure(elsewhere[0], wanted)}."
    scripts = sorted(name for name in names if name.endswith(".py") and name.startswith(f"{_CODE}/"))
    if scripts:
        shown = ", ".join(scripts[:_SHOWN])
        return f"{sentence}; it has {shown}: rename the one with model_fn, or set SAGEMAKER_PROGRAM to its name."
    return f"The archive has no {_CODE}/{wanted}: the toolkit {without_code} and uses its default functions."


def missing_opt_ml(failure: str, log: Path) -> str | None:
    """Returns that this machine has no /opt/ml, if a failure names that path and it is so."""
    if f"{OPT_ML}/" not in failure or not container_log.has_line(log, NONE_HERE):
        return None
    return (
        f"The code has {OPT_ML}/model written into it: SageMaker has that folder, and this machine does not allow "
        "containers one of their own. The model_dir that model_fn gets works in both."
    )


def _cure(found: str, wanted: str) -> str:
    folder = found[: -len(wanted)]
    if folder.lower() == f"{_CODE}/" or not folder:
        return f"name it {_CODE}/{wanted}"
    if folder.endswith(f"/{_CODE}/"):
        return f"pack what is inside of {folder.removesuffix(f'{_CODE}/')}"
    return f"move it to {_CODE}/{wanted}"


def _files(folder: Path) -> set[str]:
    return {
        PurePosixPath(Path(parent, name).relative_to(folder)).as_posix()
        for parent, _, names in os.walk(folder)
        for name in names
    }
