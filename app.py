"""Builds the stacks of one stage: `cdk synth -c stage=NAME`. Only this module reads context and environment.

`-c image=NAME` replaces the stage's `endpoint.image`, to see what another image would change.
"""

import json
import os
import sys
from datetime import UTC, date, datetime
from pathlib import Path

# jsii, which the CDK's import starts, warns at length about Node 20, on which it works.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
os.environ.setdefault("JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION", "20")

import aws_cdk as cdk

# The stacks import the protocol of their own checkout, whatever is installed.
sys.path.insert(0, str(Path(__file__).resolve().parent / "src"))

from model_artifacts.pack import ArchiveError
from stacks.endpoint import EndpointStack
from stacks.foundation import FoundationStack
from stacks.lambda_code import LambdaCodeError
from stacks.rules import add_rules
from stacks.settings.fields import SettingsError
from stacks.settings.stage import StageSettings, load_settings
from stacks.workflow import WorkflowStack

ROOT = Path(__file__).resolve().parent


def build_app(
    settings: StageSettings | None = None,
    *,
    artifacts: Path | None = None,
    outdir: Path | None = None,
    today: date | None = None,
    **context: str,
) -> cdk.App:
    """Returns the app of the given settings, or of the stage in the context, by default dev.

    The model is packed from `artifacts`, or from the folder in the settings. The CDK CLI sets the output folder by
    itself. Warnings, and nothing else, depend on the day; without one there are none that do.
    """
    # Without the flags of cdk.json, which the CLI finds only in its working directory, the templates would differ.
    flags = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    # The analytics resource names the versions of Python and the CDK: templates would differ between machines.
    app = cdk.App(context=flags | context, outdir=str(outdir) if outdir else None, analytics_reporting=False)
    stage, image = (app.node.try_get_context(name) for name in ("stage", "image"))
    settings = settings or load_settings(ROOT / "config", stage or "dev", image=image)
    artifacts = artifacts or settings.model.artifacts_in(ROOT)
    foundation = FoundationStack(app, "Foundation", settings=settings)
    EndpointStack(app, "Endpoint", settings=settings, foundation=foundation, artifacts=artifacts, today=today)
    if settings.workflow.enabled:
        WorkflowStack(app, "Workflow", settings=settings, foundation=foundation, sources=ROOT)
    add_rules(app, nist_800_53=settings.nist_800_53)
    return app


if __name__ == "__main__":
    try:
        build_app(today=datetime.now(UTC).date()).synth()
    except (SettingsError, ArchiveError, LambdaCodeError) as error:
        sys.exit(str(error))
