"""The fixtures that come with the package, in another project: a folder with tests and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.serving

CONFTEST = """
import pytest

from async_endpoint.emulator.pytest_plugin import LocalAwsOptions


@pytest.fixture(scope="session")
def local_aws_options():
    return LocalAwsOptions(
        region="eu-west-1", speed=600, assumptions={"backlog": "queued"}, instance_seconds={"provision": 240}
    )
"""

TESTS = """
import os

import boto3
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

ONCE = Config(retries={"total_max_attempts": 1})


def test_clients_are_led_to_it(local_aws):
    assert boto3.client("sagemaker").meta.endpoint_url == local_aws.endpoint_url
    assert boto3.client("sagemaker").list_endpoints()["Endpoints"] == []
    assert boto3.session.Session().region_name == "eu-west-1"
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN"} & os.environ.keys()
    assert os.environ["AUTHOR"] == "somebody"


def test_it_runs_as_the_options_say(local_aws):
    command = " ".join(psutil.Process(local_aws.pid).cmdline())
    assert "--speed 600" in command and "--assume backlog=queued" in command and "--provision-seconds 240" in command


def test_a_fault_strikes(local_aws, local_aws_faults):
    local_aws_faults.add("error", service="s3", operation="PutObject")
    s3 = boto3.client("s3", config=ONCE)
    s3.create_bucket(Bucket="papers", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    with pytest.raises(ClientError, match="InternalError"):
        s3.put_object(Bucket="papers", Key="one", Body=b"1")


def test_and_is_gone_in_the_next_test(local_aws):
    boto3.client("s3", config=ONCE).put_object(Bucket="papers", Key="one", Body=b"1")
    print("PROCESS", local_aws.pid)
"""


def run(folder: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-rP", "-p", "no:cacheprovider", *options]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **variables}, capture_output=True, text=True, timeout=120, check=False
    )


def test_another_project_has_a_local_aws_by_naming_the_fixture(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (tmp_path / "test_theirs.py").write_text(TESTS, encoding="utf-8")
    serving = os.environ.get("ASYNC_ENDPOINT_SERVING_ENV", str(ROOT / ".venv-serving"))
    theirs = {"AWS_PROFILE": "work", "AWS_SESSION_TOKEN": "-", "AUTHOR": "somebody"}
    finished = run(tmp_path, **theirs, ASYNC_ENDPOINT_SERVING_ENV=serving)
    assert "4 passed" in finished.stdout, finished.stdout + finished.stderr
    pid = int(finished.stdout.partition("PROCESS ")[2].split()[0])
    assert not Path(f"/proc/{pid}").exists()  # it stopped with the run


def test_each_fixture_has_a_description(tmp_path: Path) -> None:
    listed = run(tmp_path, "--fixtures").stdout
    for name in ("local_aws_options [session scope]", "local_aws [session scope]", "local_aws_faults"):
        assert f"\n{name} -- " in listed


def test_a_run_that_does_not_name_it_imports_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "test_theirs.py").write_text(
        "import sys\n\n\ndef test_nothing():\n"
        "    assert not [name for name in sys.modules if name.startswith(('boto', 'ministack', 'psutil'))]\n",
        encoding="utf-8",
    )
    finished = run(tmp_path)
    assert "1 passed" in finished.stdout, finished.stdout
