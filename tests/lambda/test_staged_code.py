"""Each function works with nothing on its path but its staged folder, boto3 and Powertools, as in Lambda."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from stacks.lambda_code import staged
from tests.support.intake import RECONCILE_ENVIRONMENT, SUBMIT_ENVIRONMENT, WATCHDOG_ENVIRONMENT

ROOT = Path(__file__).parents[2]
# boto3 and Powertools with what they need, and nothing else that happens to be installed here.
PROVIDED = (
    "boto3",
    "botocore",
    "s3transfer",
    "jmespath",
    "dateutil",
    "six",
    "urllib3",
    "aws_lambda_powertools",
    "typing_extensions",
)
PROGRAM = """
import json, sys
sys.path[:0] = sys.argv[3:]
from importlib import import_module
from types import SimpleNamespace
context = SimpleNamespace(function_name="f", memory_limit_in_mb=1, invoked_function_arn="a", aws_request_id="r")
handler = import_module(sys.argv[1] + ".handler").handler
try:
    answer = handler(json.loads(sys.argv[2]), context)
except Exception as error:
    answer = str(error)
import async_endpoint
print(json.dumps({"answer": answer, "package": async_endpoint.__file__}))
"""


# What each function cannot work on, what it answers, and how the line of its log begins and how grave it is.
POISON = {"Records": [{"messageId": "poison", "body": "no JSON", "eventSource": "aws:sqs"}]}
LOST = {"Records": [{"eventID": "7", "dynamodb": {"SequenceNumber": "7"}}]}
KEPT = {"batchItemFailures": [{"itemIdentifier": "poison"}]}
CASES = {
    "record": (POISON, KEPT, "WARNING", "is not JSON"),
    "notify": (LOST, {"batchItemFailures": [{"itemIdentifier": "7"}]}, "ERROR", "cannot be processed"),
    # Without credentials, its first call.
    "reconcile": ({}, "Unable to locate credentials", "ERROR", "The look failed"),
    "submit": (POISON, KEPT, "WARNING", "is not JSON"),
    "watchdog": ({"time": "later"}, "Invalid isoformat string: 'later'", "ERROR", "The look failed"),
}


@pytest.fixture
def provided(tmp_path: Path) -> Path:
    folder = tmp_path / "provided"
    folder.mkdir()
    for name in PROVIDED:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        found = Path(spec.origin).parent if spec.submodule_search_locations else Path(spec.origin)
        (folder / found.name).symlink_to(found)
    return folder


@pytest.mark.parametrize("name", sorted(handler.parent.name for handler in (ROOT / "lambda").glob("*/handler.py")))
def test_a_staged_function_works_by_itself(name: str, provided: Path) -> None:
    environment = {
        **SUBMIT_ENVIRONMENT,
        **WATCHDOG_ENVIRONMENT,
        **RECONCILE_ENVIRONMENT,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "POWERTOOLS_SERVICE_NAME": name,
    }
    event, answer, level, said = CASES[name]

    with staged(name, sources=ROOT) as code:
        run = subprocess.run(
            [sys.executable, "-I", "-S", "-c", PROGRAM, name, json.dumps(event), str(code), str(provided)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert run.returncode == 0, run.stderr
        log, found = (json.loads(line) for line in run.stdout.splitlines())
        assert found["package"] == str(code / "async_endpoint" / "__init__.py")

    assert found["answer"] == answer
    assert (log["level"], log["service"]) == (level, name)
    assert said in log["message"]
