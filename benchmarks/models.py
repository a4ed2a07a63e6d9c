"""Folders of models of realistic size."""

import shutil
from pathlib import Path

from benchmarks.serving import ARTIFACTS, run_in_serving


def write_artifacts(folder: Path, megabytes: int) -> None:
    """Makes a folder like model_artifacts/ whose model.pth has this many megabytes of weights."""
    shutil.copytree(ARTIFACTS / "code", folder / "code", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    (folder / "my_model").mkdir(parents=True)
    for name in ("config.json", "sentencepiece.bpe.model"):
        shutil.copyfile(ARTIFACTS / "my_model" / name, folder / "my_model" / name)
    run_in_serving("make_weights.py", folder / "my_model", megabytes, threads=1)
