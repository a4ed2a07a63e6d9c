"""`async-endpoint model check` of one of the models, in a process that is used for several."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from async_endpoint.cli import main
from tests.serving.models_to_check import DOCUMENT, Case
from tests.support.serving import SERVING_ENV

if TYPE_CHECKING:
    from pathlib import Path

    from async_endpoint.protocol.serving_images import ImageName


def variables(case: Case) -> dict[str, str]:
    """The variables of the Model."""
    return {"SAGEMAKER_PROGRAM": "inference.py", **case.environment}


def check(case: Case, archive: Path, image: ImageName) -> dict[str, Any]:
    """What the command prints as JSON, with its exit status."""
    sample = archive.with_suffix(".json")
    sample.write_bytes(DOCUMENT)
    options = [
        "--sample",
        str(sample),
        "--content-type",
        "application/json",
        "--serving-env",
        str(SERVING_ENV),
        "--image",
        image,
        "--json",
    ]
    named = [each for name, value in variables(case).items() for each in ("--environment", f"{name}={value}")]
    done = CliRunner().invoke(main, ["model", "check", str(archive), *options, *named])
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found | {"exit": done.exit_code}
