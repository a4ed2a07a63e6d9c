"""Whole synths in processes of their own, as the CDK CLI starts them: every rule on, nothing shared."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stacks.templates import ROOT, write_artifacts

SYNTH = """
import sys
from pathlib import Path
from app import build_app
artifacts, *stages = sys.argv[1:]
for stage in stages:
    build_app(artifacts=Path(artifacts), outdir=Path(stage), stage=stage).synth()
    print(stage, "was synthesised")
"""

# One process for all that takes the schemas: they take 8 s of CPU to load, and 1 s to apply.
EVERY_RULE = f"""{SYNTH}
app = build_app(artifacts=Path(artifacts), outdir=Path("misspelt"))
app.node.find_child("Endpoint").endpoint.config.add_property_override("TreatMissingDta", "missing")
app.synth()
"""

UNACCEPTED_WILDCARD = """
import sys
from pathlib import Path
from aws_cdk import aws_iam as iam
from app import build_app
app = build_app(artifacts=Path(sys.argv[1]), outdir=Path("out"))
bucket = app.node.find_child("Foundation").buckets.output
policy = app.node.find_child("Endpoint").node.find_child("Execution").policy
policy.add_statements(iam.PolicyStatement(actions=["s3:GetObject"], resources=[bucket.arn_for_objects("other/*")]))
app.synth()
"""


NIST_WITHOUT_KEY = """
import sys
from pathlib import Path
from app import build_app
from tests.stacks.templates import dev
build_app(dev(nist_800_53=True), artifacts=Path(sys.argv[1]), outdir=Path("out")).synth()
"""


def start(script: list[str], cwd: Path, umask: int = -1, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs Python without credentials, and without what other synths leave in the environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    return subprocess.run(
        [sys.executable, *script],
        cwd=cwd,
        umask=umask,
        env=kept | {"PYTHONPATH": str(ROOT), "AWS_EC2_METADATA_DISABLED": "true"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def written(folder: Path) -> dict[str, bytes]:
    """The templates and asset manifests of one synth, by name."""
    return {
        path.name: path.read_bytes()
        for pattern in ("*.template.json", "*.assets.json")
        for path in folder.glob(pattern)
    }


@pytest.fixture(scope="module")
def every_rule(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder in which the stages were synthesised with every rule on, and all that was said meanwhile."""
    folder = tmp_path_factory.mktemp("validated")
    done = start(["-c", EVERY_RULE, str(artifacts), "dev", "prod"], folder)
    assert done.returncode != 0, "the misspelt property was to end it"
    return folder, done.stdout + done.stderr


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_a_stage_breaks_no_rule_and_no_schema(every_rule: tuple[Path, str], stage: str) -> None:
    assert f"{stage} was synthesised" in every_rule[1]


def test_the_rules_of_nist_are_on_where_a_stage_wants_them(artifacts: Path, tmp_path: Path) -> None:
    """What a stage without a key of its own breaks, and dev does not claim to keep."""
    done = start(["-c", NIST_WITHOUT_KEY, str(artifacts)], tmp_path, CDK_VALIDATION="false")
    assert done.returncode != 0
    assert "NIST.800.53.R5-S3DefaultEncryptionKMS" in done.stdout + done.stderr


def test_a_misspelt_property_ends_the_synth(every_rule: tuple[Path, str]) -> None:
    assert "TreatMissingDta" in every_rule[1]


def test_a_wildcard_that_nobody_accepted_ends_the_synth(artifacts: Path, tmp_path: Path) -> None:
    done = start(["-c", UNACCEPTED_WILDCARD, str(artifacts)], tmp_path, CDK_VALIDATION="false")
    assert done.returncode != 0
    assert "AwsSolutions-IAM5[Resource::" in done.stdout + done.stderr
    assert "/other/*]" in done.stdout + done.stderr


def test_a_second_synth_from_another_folder_and_umask_gives_equal_bytes(
    every_rule: tuple[Path, str], artifacts: Path, tmp_path: Path
) -> None:
    otherwise = {"CDK_VALIDATION": "false", "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    done = start(["-c", SYNTH, str(artifacts), "dev"], tmp_path, umask=0o077, **otherwise)
    assert done.returncode == 0, done.stderr
    assert written(tmp_path / "dev") == written(every_rule[0] / "dev")


def test_a_wrong_setting_ends_the_app_with_one_sentence(tmp_path: Path) -> None:
    done = start([str(ROOT / "app.py")], tmp_path, CDK_CONTEXT_JSON='{"stage": "production"}')
    assert done.returncode == 1
    # Before it there may be jsii's opinion of the Node release.
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1] == (
        'stage is "production", and config/ has no production.toml; choose one that exists with -c stage=NAME: '
        "dev, prod."
    )


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    """A folder with the app, and with nothing of what it deploys."""
    for name in (
        "app.py",
        "cdk.json",
        "model_artifacts/__init__.py",
        "model_artifacts/pack.py",
        "src/async_endpoint/__init__.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("config", "stacks", "model_artifacts/packing", "src/async_endpoint/protocol"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


def test_a_missing_model_ends_the_app_with_one_sentence(alone: Path) -> None:
    artifacts = write_artifacts(alone / "model_artifacts")
    for path in (artifacts / "my_model").iterdir():
        path.unlink()
    done = start([str(alone / "app.py")], alone)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert str(artifacts / "my_model") in done.stderr.splitlines()[-1]
    assert "put the trained model" in done.stderr.splitlines()[-1]


def test_a_missing_script_ends_the_app_with_one_sentence(alone: Path) -> None:
    done = start([str(alone / "app.py")], alone)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert 'model.folder is "model_artifacts", which has no code/inference.py' in done.stderr.splitlines()[-1]


def test_a_missing_function_ends_the_app_with_one_sentence(alone: Path) -> None:
    write_artifacts(alone / "model_artifacts")
    done = start([str(alone / "app.py")], alone)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "lambda/submit/handler.py is missing; function submit cannot be assembled" in done.stderr.splitlines()[-1]
