"""Whole synths in processes of their own, as the CDK CLI starts them: every rule on, nothing shared."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.templates import ROOT

SYNTH = """
import sys
from pathlib import Path
from app import build_app
build_app(artifacts=Path(sys.argv[1]), **dict(each.split("=") for each in sys.argv[2:])).synth()
"""


def start(script: list[str], cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {
        "PYTHONPATH": str(ROOT),
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    return subprocess.run(
        [sys.executable, *script],
        cwd=cwd,
        env=kept | settings | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def templates(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.json")}


@pytest.fixture(scope="module")
def validated(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("validated")
    done = start(["-c", SYNTH, str(artifacts), "stage=dev"], ROOT, CDK_OUTDIR=str(out))
    assert done.returncode == 0, done.stderr
    return out


def test_dev_breaks_no_rule_and_no_schema(validated: Path) -> None:
    assert {"Foundation.template.json", "Endpoint.template.json"} <= templates(validated).keys()


def test_prod_breaks_no_rule_and_no_schema(artifacts: Path, tmp_path: Path) -> None:
    done = start(["-c", SYNTH, str(artifacts), "stage=prod"], ROOT, CDK_OUTDIR=str(tmp_path))
    assert done.returncode == 0, done.stderr


def test_a_second_synth_from_another_folder_gives_equal_bytes(validated: Path, artifacts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    environment = {"CDK_OUTDIR": str(out), "CDK_VALIDATION": "false", "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    done = start(["-c", SYNTH, str(artifacts)], tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    second = templates(out)
    assert {name: second[name] for name in second if name.endswith(("template.json", "assets.json"))} == {
        name: text for name, text in templates(validated).items() if name.endswith(("template.json", "assets.json"))
    }


WRONG_PROPERTY = """
import sys
from pathlib import Path
from app import build_app
app = build_app(artifacts=Path(sys.argv[1]))
app.node.find_child("Endpoint").scaling.wake_alarm.add_property_override("TreatMissingDta", "missing")
app.synth()
"""

UNACCEPTED_WILDCARD = """
import sys
from pathlib import Path
from aws_cdk import aws_iam as iam
from app import build_app
app = build_app(artifacts=Path(sys.argv[1]))
bucket = app.node.find_child("Foundation").buckets.output
role = app.node.find_child("Endpoint").node.find_child("Execution").policy
role.add_statements(iam.PolicyStatement(actions=["s3:GetObject"], resources=[bucket.arn_for_objects("other/*")]))
app.synth()
"""


@pytest.mark.parametrize(
    ("script", "finding"),
    [(WRONG_PROPERTY, "TreatMissingDta"), (UNACCEPTED_WILDCARD, "AwsSolutions-IAM5[Resource::")],
    ids=["a misspelt property", "a wildcard that nobody accepted"],
)
def test_the_rules_do_stop_a_synth(artifacts: Path, tmp_path: Path, script: str, finding: str) -> None:
    done = start(["-c", script, str(artifacts)], ROOT, CDK_OUTDIR=str(tmp_path))
    assert done.returncode != 0
    assert finding in done.stdout + done.stderr


def test_a_wrong_setting_ends_the_app_with_one_sentence(tmp_path: Path) -> None:
    done = start([str(ROOT / "app.py")], tmp_path, CDK_CONTEXT_JSON='{"stage": "production"}')
    assert done.returncode == 1
    assert done.stderr == (
        'stage is "production", and config/ has no production.toml; choose one that exists with -c stage=NAME: dev, prod.\n'
    )
