"""`async-endpoint cancel`."""

import json

from click.testing import CliRunner, Result
from mypy_boto3_s3.client import S3Client

from async_endpoint.cli import main
from tests.support.deployed_workflow import DeployedWorkflow


def cancel(deployed: DeployedWorkflow, *arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(main, ["cancel", "--stack", deployed.stack, *arguments], input=answer)


def test_each_job_is_cancelled_as_far_as_it_can_be(deployed: DeployedWorkflow, s3: S3Client) -> None:
    submitted, done = deployed.submitted("inbox/a"), deployed.completed("inbox/b")
    s3.put_object(Bucket=deployed.bucket, Key="inbox/new", Body=b"1")

    result = cancel(deployed, submitted, done, "abc", f"s3://{deployed.bucket}/inbox/new")
    again = cancel(deployed, submitted)

    assert (result.exit_code, again.exit_code) == (1, 0)
    first, second = result.stdout.splitlines()
    assert first == (
        f"{submitted} (s3://{deployed.bucket}/inbox/a): marked CANCELLED, but its request is with the endpoint. "
        "SageMaker has no call to withdraw it: it may still run, and its result then stays at "
        "s3://out/results/inbox/a.out."
    )
    assert second.endswith("/inbox/new): cancelled before its event was processed: it will not be submitted.")
    assert f"{done} (s3://{deployed.bucket}/inbox/b): is COMPLETED already" in result.stderr
    assert "Error: There is no job 'abc'" in result.stderr
    assert (deployed.state(submitted), deployed.state(done)) == (("CANCELLED", 1), ("COMPLETED", 1))
    assert "was cancelled already" in again.stdout


def test_a_prefix_is_cancelled_after_a_confirmation(deployed: DeployedWorkflow, s3: S3Client) -> None:
    submitted, other = deployed.submitted("inbox/run-1/a"), deployed.submitted("inbox/run-2/a")
    deployed.completed("inbox/run-1/b")
    s3.put_object(Bucket=deployed.bucket, Key="inbox/run-1/new", Body=b"1")
    prefix = f"s3://{deployed.bucket}/inbox/run-1/"

    dry = cancel(deployed, "--prefix", prefix, "--dry-run")
    declined = cancel(deployed, "--prefix", prefix)
    assert deployed.state(submitted) == ("SUBMITTED", 1)
    result = cancel(deployed, "--prefix", prefix, answer="y\n")

    assert dry.exit_code == 0
    assert dry.stdout.startswith("Nothing was changed. It would be: 3 documents: 1 cancelled before their event, ")
    assert declined.exit_code == 1
    assert "Nothing was cancelled: answer y, or pass --yes" in declined.stderr
    assert result.exit_code == 0, result.output
    assert result.stdout == (
        "3 documents: 1 cancelled before their event, 1 marked after their request, which may still run, "
        "1 over already.\n"
    )
    assert "s3://out/results/inbox/run-1/a.out" in result.stderr
    assert (deployed.state(submitted), deployed.state(other)) == (("CANCELLED", 1), ("SUBMITTED", 1))


def test_json_has_a_line_for_each_document(deployed: DeployedWorkflow) -> None:
    job = deployed.submitted("inbox/run-1/a")

    result = cancel(deployed, "--prefix", f"s3://{deployed.bucket}/inbox/run-1/", "--yes", "--json")
    empty = cancel(deployed, "--prefix", f"s3://{deployed.bucket}/inbox/none/")

    assert json.loads(result.stdout) == {
        "job_id": job,
        "outcome": "submitted",
        "state": "CANCELLED",
        "attempt": 1,
        "output_location": "s3://out/results/inbox/run-1/a.out",
        "dry_run": False,
    }
    assert (empty.exit_code, empty.stdout) == (0, f"There is no document under s3://{deployed.bucket}/inbox/none/.\n")


def test_jobs_or_a_prefix_of_the_inbox_must_be_named(deployed: DeployedWorkflow) -> None:
    neither, both = cancel(deployed), cancel(deployed, "abc", "--prefix", "s3://inputs/inbox/")
    outside = cancel(deployed, "--prefix", f"s3://{deployed.bucket}/")

    assert (neither.exit_code, both.exit_code, outside.exit_code) == (2, 2, 1)
    assert "Name the jobs, or a prefix of the inbox by --prefix." in neither.stderr
    assert "is not in the inbox" in outside.stderr
