"""`async-endpoint plan`: what a stage would cost, and how long documents would wait, before it is deployed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from async_endpoint.cli.plan_compare import CompareOptions, compare
from async_endpoint.cli.plan_files import PlanFiles
from async_endpoint.cli.plan_text import Plan, as_json, as_table
from async_endpoint.cli.workflow_options import workflow_options
from async_endpoint.cloudwatch import DelayRange
from async_endpoint.planner import (
    Conditions,
    Durations,
    Pattern,
    PlanError,
    Simulation,
    bundled_prices,
    make_bill,
    read_arrivals,
    read_prices,
    read_stage,
)

if TYPE_CHECKING:
    from async_endpoint.planner import Traffic


@click.command()
@click.argument(
    "templates", metavar="TEMPLATE...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path)
)
@click.option("--pattern", metavar="TEXT", help="Traffic, such as rate=30,office-rate=400,nightly=5000,growth=10.")
@click.option(
    "--arrivals",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Traffic: a CSV file with an ISO time, or seconds, in the first column.",
)
@click.option(
    "--compare",
    "compare_since",
    metavar="AGE",
    help="Traffic: the documents since 1d, 6h, or a date, of a deployed stage; beside what happened to them.",
)
@workflow_options
@click.option(
    "--calibration",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --compare: write what was measured into a new file, as a stage's table [plan].",
)
@click.option(
    "--service-seconds",
    required=True,
    metavar="SECONDS",
    help="How long a request is processed: 0.28, or percentiles such as p50=0.2,p95=0.8.",
)
@click.option(
    "--start-seconds",
    required=True,
    metavar="SECONDS",
    help="How long an instance takes until it serves: 240, or percentiles.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 1000),
    help="Requests that an instance really processes at a time.  [default: the template's]",
)
@click.option(
    "--metric-delay",
    default="60-150",
    show_default=True,
    metavar="SECONDS",
    help="How late metrics reach CloudWatch, such as 120 or 60-150.",
)
@click.option("--seed", default=0, show_default=True, help="What random moments and durations are drawn from.")
@click.option("--price-region", metavar="REGION", help="Whose instance prices are used.  [default: the template's]")
@click.option(
    "--instance-price",
    type=click.FloatRange(min=0),
    metavar="USD",
    help="An hour of one instance, instead of the table's.",
)
@click.option(
    "--prices",
    "prices_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A table that `async-endpoint prices` wrote.  [default: the packaged one]",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.html",
    help="Write a page with the bill and charts over time; needs the extra `report`.",
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.png",
    help="Draw the charts over time; needs the extra `plot`.",
)
@click.option("--json", "json_output", is_flag=True, help="Print JSON.")
def plan(
    templates: tuple[Path, ...],
    *,
    pattern: str | None,
    arrivals: Path | None,
    compare_since: str | None,
    stage: str | None,
    stack: str | None,
    calibration: Path | None,
    service_seconds: str,
    start_seconds: str,
    concurrency: int | None,
    metric_delay: str,
    seed: int,
    price_region: str | None,
    instance_price: float | None,
    prices_file: Path | None,
    report: Path | None,
    plot: Path | None,
    json_output: bool,
) -> None:
    """Simulate a month of a stage: cost, waits, and hours of instances.

    Each TEMPLATE is a folder of `cdk synth --output`, or one template with the endpoint; several are printed side by
    side. Nothing is deployed, and AWS is called by --compare alone, which reads.

    \b
    async-endpoint plan cdk.out --pattern office-rate=100 --service-seconds 0.3 --start-seconds 240 --concurrency 1
    async-endpoint plan old.out new.out --arrivals arrivals.csv --service-seconds p50=2,p95=6 --start-seconds 240
    async-endpoint plan cdk.out --compare 7d --stage dev --service-seconds 2 --start-seconds 240 --concurrency 1
    async-endpoint plan cdk.out --pattern rate=30 --service-seconds 2 --start-seconds 240 --report plan.html

    Exit status: 0 planned, 1 AWS could not be read, 2 wrong usage, or a template or traffic that cannot be planned
    with.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    if [pattern, arrivals, compare_since].count(None) != 2:  # noqa: PLR2004 - one of three is given
        raise click.UsageError(
            "Describe the traffic by --pattern, name a file by --arrivals, or take that of a deployed stage by "
            "--compare: one of them."
        )
    if compare_since is None and (stage or stack or calibration):
        raise click.UsageError("--stage, --stack and --calibration belong to --compare: give it, too.")
    if compare_since is not None and (report or plot or prices_file):
        raise click.UsageError("--report, --plot and --prices do not go with --compare, which has a table alone.")
    files = PlanFiles.prepared(report, plot)
    try:
        conditions = Conditions(
            service=Durations.parse(service_seconds),
            start=Durations.parse(start_seconds),
            concurrency=concurrency,
            metric_delay=_delay(metric_delay),
            seed=seed,
        )
        stages = [read_stage(path) for path in templates]
        if compare_since is not None:
            if len(stages) > 1:
                raise click.UsageError("--compare takes one TEMPLATE: the one that is deployed.")
            comparison = compare(stages[0], conditions, CompareOptions(compare_since, stage, stack, calibration))
            click.echo(comparison.as_json() if json_output else "\n".join(comparison.lines()))
            return
        traffic = _traffic(pattern, arrivals, seed)
        prices = read_prices(prices_file) if prices_file else bundled_prices()
        plans, histories = [], []
        for path, each in zip(templates, stages, strict=True):
            simulation = Simulation(each, traffic, conditions)
            outcome = simulation.run()
            if files.writers:
                histories.append(simulation.history())
            region = price_region or each.region
            bill = make_bill(each, outcome, prices, region=region, instance_price=instance_price)
            plans.append(Plan(str(path), each, outcome, bill, None if concurrency else each.concurrency))
    except PlanError as error:
        raise click.UsageError(str(error)) from error
    click.echo(as_json(plans, prices) if json_output else "\n".join(as_table(plans, prices)))
    if warning := prices.warning(datetime.now(UTC).date()):
        click.echo(f"Warning: {warning}", err=True)
    files.write(plans, histories, conditions, prices)


def _traffic(pattern: str | None, arrivals: Path | None, seed: int) -> Traffic:
    if arrivals is not None:
        return read_arrivals(arrivals)
    return Pattern.parse(pattern or "").traffic(seed)


def _delay(text: str) -> DelayRange:
    shortest, _, longest = text.partition("-")
    try:
        return DelayRange(float(shortest), float(longest or shortest))
    except ValueError as error:
        raise PlanError(
            f"--metric-delay is a number of seconds from 0 to 3600 or a range of them, such as 60-150, not {text!r}."
        ) from error
