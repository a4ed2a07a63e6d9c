"""`async-endpoint plan`: what a stage would cost, and how long documents would wait, before it is deployed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

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
    bundled_prices,
    make_bill,
    read_arrivals,
    read_stage,
    simulate,
)

if TYPE_CHECKING:
    from async_endpoint.planner import Traffic

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
    "--service-seconds",
    "service_texts",
    required=True,
    multiple=True,
    metavar="SECONDS",
    help="How long a request is processed: 0.28, or percentiles such as p50=0.2,p95=0.8; on one type "
    "ml.g5.xlarge:0.19.",
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
def plan(
    templates: tuple[Path, ...],
    *,
    pattern: str | None,
    arrivals: Path | None,
    service_texts: tuple[str, ...],
    start_seconds: str,
    concurrency: int | None,
    metric_delay: str,
    seed: int,
    price_region: str | None,
    instance_price: float | None,
    sweeps: tuple[str, ...],
    p95_within: float | None,
    json_output: bool,
) -> None:
    """Simulate a month of a stage: cost, waits, and hours of instances.

    Each TEMPLATE is a folder of `cdk synth --output`, or one template with the endpoint; several are printed side by
    side. Nothing is deployed and AWS is not called.

    \b
    async-endpoint plan cdk.out --pattern office-rate=100 --service-seconds 0.3 --start-seconds 240 --concurrency 1
    async-endpoint plan old.out new.out --arrivals arrivals.csv --service-seconds p50=2,p95=6 --start-seconds 240
    async-endpoint plan cdk.out ... --sweep scaling.min_instances=0,1 --sweep scaling.max_instances=1,4 --p95-within 90

    Exit status: 0 planned; 1 nothing is within --p95-within; 2 wrong usage, or a template or traffic that cannot be
    planned with; 130 after Ctrl-C.
    """  # noqa: D301 - \b is Click's mark of a paragraph that is not rewrapped
    if (pattern is None) == (arrivals is None):
        raise click.UsageError("Describe the traffic by --pattern, or name a file by --arrivals: one of the two.")
    if p95_within is not None and not sweeps:
        raise click.UsageError("--p95-within chooses among the configurations of --sweep: give that as well.")
    if sweeps and len(templates) > 1:
        raise click.UsageError(f"--sweep varies the settings of one folder, and {len(templates)} are named.")
    prices, within = bundled_prices(), True
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
        traffic = _traffic(pattern, arrivals, seed)
        region = price_region or stages[0].region
        if sweeps:
            found = run_sweep(
                stages[0], sweeps, traffic, conditions=conditions, services=services,
                bill=partial(make_bill, prices=prices, region=region, instance_price=instance_price),
                one_price=instance_price is not None,
            )  # fmt: skip
            within, lines = sweep_lines(found, prices, p95_within, as_json=json_output)
        else:
            plans = []
            for path, stage in zip(templates, stages, strict=True):
                outcome = simulate(stage, traffic, replace(conditions, service=services.of(stage.instance_type)))
                region = price_region or stage.region
                bill = make_bill(stage, outcome, prices, region=region, instance_price=instance_price)
                plans.append(Plan(str(path), stage, outcome, bill, None if concurrency else stage.concurrency))
            lines = [as_json(plans, prices)] if json_output else list(as_table(plans, prices))
    except PlanError as error:
        raise click.UsageError(str(error)) from error
    click.echo("\n".join(lines))
    if warning := prices.warning(datetime.now(UTC).date()):
        click.echo(f"Warning: {warning}", err=True)
    if not within:
        raise click.exceptions.Exit(1)


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
