"""`async-endpoint plan`: what a stage would cost, and how long documents would wait, before it is deployed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from async_endpoint.cli.plan_compare import CompareOptions, compare
from async_endpoint.cli.plan_files import PlanFiles
from async_endpoint.cli.plan_stage import stage_option, with_stage_table
from async_endpoint.cli.plan_sweep import LENGTH, run_sweep
from async_endpoint.cli.plan_text import Plan, as_json, as_table
from async_endpoint.cli.sweep_text import sweep_lines
from async_endpoint.cloudwatch import DelayRange
from async_endpoint.planner import (
    Conditions,
    Durations,
    Pattern,
    PlanError,
    ServiceTimes,
    Simulation,
    bundled_prices,
    make_bill,
    read_arrivals,
    read_prices,
    read_stage,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from async_endpoint.planner import History, Traffic

_NOT_COMPARED = ("report", "plot", "sweeps", "prices_file", "instance_price", "price_region")
_UNKNOWN = Durations.constant(0.0)  # until the instance type is known


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
@stage_option
@click.option("--stack", metavar="NAME", help="With --compare: the workflow stack, where --stage does not name it.")
@click.option(
    "--calibration",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --compare: write what was measured into a new file, as a stage's table [plan].",
)
@click.option(
    "--service-seconds",
    "service_texts",
    multiple=True,
    metavar="SECONDS",
    help="How long a request is processed: 0.28, or percentiles such as p50=0.2,p95=0.8; on one type "
    "ml.g5.xlarge:0.19. Required without --stage, and with --compare.",
)
@click.option(
    "--start-seconds",
    metavar="SECONDS",
    help="How long an instance takes until it serves: 240, or percentiles. Required as --service-seconds.",
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
@click.option(
    "--sweep",
    "sweeps",
    multiple=True,
    metavar="NAME=V1,V2",
    help="Vary a setting, such as scaling.min_instances=0,1, endpoint.instance_type or concurrency; repeat it for "
    "every combination.",
)
@click.option(
    "--p95-within",
    type=LENGTH,
    metavar="SECONDS",
    help="With --sweep: name the cheapest with a wait p95 of at most so long, such as 90 or 10min.",
)
@click.option("--json", "json_output", is_flag=True, help="Print JSON.")
@with_stage_table
def plan(
    templates: tuple[Path, ...],
    *,
    pattern: str | None,
    arrivals: Path | None,
    compare_since: str | None,
    stage: str | None,
    stack: str | None,
    calibration: Path | None,
    service_texts: tuple[str, ...],
    start_seconds: str,
    concurrency: int | None,
    metric_delay: str,
    seed: int,
    price_region: str | None,
    instance_price: float | None,
    prices_file: Path | None,
    report: Path | None,
    plot: Path | None,
    sweeps: tuple[str, ...],
    p95_within: float | None,
    json_output: bool,
) -> None:
    """Simulate a month of a stage: cost, waits, and hours of instances.

    Each TEMPLATE is a folder of `cdk synth --output`, or one template with the endpoint; several are printed side by
    side. Nothing is deployed, and AWS is called by --compare alone, which reads.

    \b
    async-endpoint plan cdk.out --stage dev
    async-endpoint plan cdk.out --pattern office-rate=100 --service-seconds 0.3 --start-seconds 240 --concurrency 1
    async-endpoint plan old.out new.out --arrivals arrivals.csv --service-seconds p50=2,p95=6 --start-seconds 240
    async-endpoint plan cdk.out --compare 7d --stage dev --service-seconds 2 --start-seconds 240 --concurrency 1
    async-endpoint plan cdk.out --pattern rate=30 --service-seconds 2 --start-seconds 240 --report plan.html
    async-endpoint plan cdk.out ... --sweep scaling.min_instances=0,1 --sweep scaling.max_instances=1,4 --p95-within 90

    Exit status: 0 planned; 1 nothing is within --p95-within, AWS could not be read, or a file could not be written; 2
    wrong usage, or a template or traffic that cannot be planned with; 130 after Ctrl-C.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    _check_options(click.get_current_context().params)
    files, within = PlanFiles.prepared(report, plot), True
    try:
        services = ServiceTimes.parse(service_texts)
        conditions = Conditions(
            service=_UNKNOWN,
            start=Durations.parse(start_seconds),
            concurrency=concurrency,
            metric_delay=_delay(metric_delay),
            seed=seed,
        )
        stages = [read_stage(path) for path in templates]
        if not sweeps:
            _check_types({each.instance_type for each in stages}, services, instance_price)
        if compare_since is not None:
            conditions = replace(conditions, service=services.of(stages[0].instance_type))
            comparison = compare(stages[0], conditions, CompareOptions(compare_since, stage, stack, calibration))
            click.echo(comparison.as_json() if json_output else "\n".join(comparison.lines()))
            return
        traffic = _traffic(pattern, arrivals, seed)
        prices = read_prices(prices_file) if prices_file else bundled_prices()
        plans: list[Plan] = []
        histories: list[History] = []
        if sweeps:
            found = run_sweep(
                stages[0], sweeps, traffic, conditions=conditions, services=services,
                bill=partial(
                    make_bill, prices=prices, region=price_region or stages[0].region, instance_price=instance_price
                ),
                one_price=instance_price is not None,
            )  # fmt: skip
            within, lines = sweep_lines(found, prices, p95_within, as_json=json_output)
        else:
            bill = partial(make_bill, prices=prices, instance_price=instance_price)
            for path, each in zip(templates, stages, strict=True):
                simulation = Simulation(each, traffic, replace(conditions, service=services.of(each.instance_type)))
                outcome = simulation.run()
                histories += [simulation.history()] if files.writers else []
                billed = bill(each, outcome, region=price_region or each.region)
                plans.append(Plan(str(path), each, outcome, billed, None if concurrency else each.concurrency))
            lines = [as_json(plans, prices)] if json_output else list(as_table(plans, prices))
    except PlanError as error:
        raise click.UsageError(str(error)) from error
    click.echo("\n".join(lines))
    if warning := prices.warning(datetime.now(UTC).date()):
        click.echo(f"Warning: {warning}", err=True)
    files.write(plans, histories, conditions, prices)
    if not within:
        raise click.exceptions.Exit(1)


def _check_options(given: Mapping[str, Any]) -> None:
    """Checks that the options go together.

    Raises:
        click.UsageError: They do not.
    """
    compares, sweeps = given["compare_since"] is not None, bool(given["sweeps"])
    option = "--sweep" if sweeps else "--compare"
    count = len(given["templates"])
    rules = (
        (
            sum(given[name] is not None for name in ("pattern", "arrivals", "compare_since")) == 1,
            (
                "Describe the traffic by --pattern, name a file by --arrivals, take that of a stage's file by --stage, "
                "or that of a deployed stage by --compare: one of them."
            ),
        ),
        (
            bool(given["service_texts"] and given["start_seconds"]),
            (
                "Give --service-seconds and --start-seconds, or, without --compare, a --stage whose table [plan] has "
                "them."
            ),
        ),
        (
            compares or not (given["stack"] or given["calibration"]),
            "--stack and --calibration belong to --compare: give it, too.",
        ),
        (
            not compares or not any(given[name] for name in _NOT_COMPARED),
            "--report, --plot, --sweep and the options of prices do not go with --compare, which has its own table.",
        ),
        (
            sweeps or given["p95_within"] is None,
            "--p95-within chooses among the configurations of --sweep: give that as well.",
        ),
        (
            not sweeps or not (given["report"] or given["plot"]),
            "--report and --plot show stages, and no sweep: plan the chosen configuration with them.",
        ),
        (count == 1 or not (sweeps or compares), f"{option} takes one TEMPLATE, and {count} are named."),
    )
    for holds, message in rules:
        if not holds:
            raise click.UsageError(message)


def _check_types(types: set[str], services: ServiceTimes, instance_price: float | None) -> None:
    """Checks that what was given for instance types is of the planned ones.

    Raises:
        PlanError: A service time is of another type, or one price is given for several types.
    """
    services.check_used(types)
    if len(types) > 1 and instance_price is not None:
        raise PlanError(f"--instance-price is the price of one type, and these are {', '.join(sorted(types))}.")


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
