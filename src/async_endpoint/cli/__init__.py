"""The `async-endpoint` command."""

import click

from async_endpoint.cli.lazy_group import CommandEntry, LazyGroup

__all__ = ["main"]

# What decides on the region by itself takes no --region.
_IN_A_KNOWN_REGION = ("--profile", "--endpoint-url")

_ENTRIES = {
    "announce": CommandEntry("announce", "Notify subscribers of outcomes again."),
    "bench": CommandEntry("bench", "Measure an endpoint with documents one by one and all at once."),
    "cancel": CommandEntry("cancel", "Cancel jobs, or all documents under a prefix."),
    "completion": CommandEntry("completion", "Print the script that completes commands in a shell.", aws_options=()),
    "deploy": CommandEntry("deploy", "Deploy an endpoint's stack and check the outcome."),
    "destroy": CommandEntry("destroy", "Delete stacks with the contents of their buckets and tables."),
    "diff": CommandEntry("diff", "Show what a change of templates would do to a stage.", aws_options=()),
    "dlq": CommandEntry("dlq", "List, move back or delete the messages in the dead-letter queues."),
    "jobs": CommandEntry("status", "List jobs by the time they reached their state, newest first."),
    "local": CommandEntry("local", "Run a local AWS with working SageMaker endpoints.", extra="local", aws_options=()),
    "logs": CommandEntry("logs", "Print the logs of an endpoint and its functions."),
    "model": CommandEntry(
        "model", "Begin a model, pack its archive and check it without an endpoint.", extra="local", aws_options=()
    ),
    "plan": CommandEntry("plan", "Simulate a month of a stage: cost, waits, and hours of instances.", aws_options=()),
    "preflight": CommandEntry(
        "preflight", "Check that the account has what a deploy needs.", aws_options=_IN_A_KNOWN_REGION
    ),
    "prices": CommandEntry("prices", "Write a table of instance prices from AWS's price lists.", aws_options=()),
    "redrive": CommandEntry("redrive", "Submit all jobs with the same trouble again."),
    "results": CommandEntry(
        "results", "Write what is known of a run as JSON Lines, CSV or Parquet.", aws_options=_IN_A_KNOWN_REGION
    ),
    "resume": CommandEntry("resume", "Continue a run that was broken off.", aws_options=_IN_A_KNOWN_REGION),
    "retry": CommandEntry("retry", "Submit failed, expired or cancelled jobs again."),
    "rollback": CommandEntry("rollback", "Put the endpoint back to the version before."),
    "run": CommandEntry("run", "Send a folder of documents to an endpoint."),
    "runs": CommandEntry("runs", "List the runs of this machine.", aws_options=()),
    "status": CommandEntry("status", "Show the record of a job."),
    "submit": CommandEntry("submit", "Submit documents without waiting for their results."),
    "wait": CommandEntry("wait", "Wait for the outcomes of a run.", aws_options=_IN_A_KNOWN_REGION),
    "why": CommandEntry("why", "Name the cause when a stage does not wake, sleep, or work."),
}


@click.group(cls=LazyGroup, entries=_ENTRIES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="async-endpoint", prog_name="async-endpoint")
def main() -> None:
    """Tools for a SageMaker asynchronous endpoint that scales to zero."""
