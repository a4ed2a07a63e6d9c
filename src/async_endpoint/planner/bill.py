"""Dollars a month: the simulated instance hours, and what the stage's resources use, at the prices of the table."""

from dataclasses import dataclass

from async_endpoint.planner.outcome import HOUR, Outcome
from async_endpoint.planner.prices import BASE_REGION, Price, PriceTable
from async_endpoint.planner.template import Stage
from async_endpoint.planner.usage import monthly_usage, unpriced

MONTH_SECONDS = 30 * 24 * HOUR
INSTANCES = "instances"


@dataclass(frozen=True)
class BillLine:
    """One line of the bill.

    Attributes:
        name: The usage, such as `s3-put`; `instances` for instance hours.
        quantity: Units in 30 days.
        price: None where the table has none.
    """

    name: str
    quantity: float
    price: Price | None

    @property
    def usd(self) -> float | None:
        """Dollars in 30 days; None without a price."""
        return None if self.price is None else self.quantity * self.price.usd


@dataclass(frozen=True)
class Bill:
    """Dollars in 30 days of the simulated traffic.

    Attributes:
        lines: What was counted.
        not_priced: What costs money and is not in the total: missing prices, and what is not counted.
        notes: Sentences on the prices that were used.
    """

    lines: tuple[BillLine, ...]
    not_priced: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def total(self) -> float:
        """The sum of the lines that have a price."""
        return sum(line.usd or 0.0 for line in self.lines)

    @property
    def instances(self) -> float | None:
        """Dollars for instances; None without a price."""
        return next(line.usd for line in self.lines if line.name == INSTANCES)

    @property
    def is_complete(self) -> bool:
        """Whether the instances, most of any bill, have a price."""
        return self.instances is not None


def make_bill(
    stage: Stage,
    outcome: Outcome,
    prices: PriceTable,
    *,
    region: str | None,
    instance_price: float | None = None,
) -> Bill:
    """Returns the bill of a simulated stage, brought to 30 days.

    Args:
        stage: The stage.
        outcome: What was simulated.
        prices: The table.
        region: Whose instance prices are used; None if no region is known.
        instance_price: USD for an hour of one instance, instead of the table's.
    """
    months = MONTH_SECONDS / outcome.seconds
    price = _instance_price(stage, prices, region, instance_price)
    lines = [BillLine(INSTANCES, outcome.instance_hours * months, price)]
    missing: list[str] = []
    notes: list[str] = []
    if price is None:
        known = prices.regions_of(stage.instance_type)
        instead = f"; it has those of {', '.join(known)}" if known else ""
        place = region or "an unknown region"
        missing.append(f"instances: the table has no price of {stage.instance_type} in {place}{instead}")
    elif price.quality == "weak":
        notes.append(f"The price of {stage.instance_type} has a weak source.")
    if region != BASE_REGION:
        notes.append(f"Everything but instances has the prices of {BASE_REGION}: the table has no others.")
    for name, quantity in sorted(monthly_usage(stage, outcome, outcome.requests * months).items()):
        lines.append(BillLine(name, quantity, prices.usage.get((BASE_REGION, name))))
    missing += [line.name for line in lines[1:] if line.price is None]
    return Bill(tuple(lines), (*missing, *unpriced(stage.template)), tuple(notes))


def _instance_price(stage: Stage, prices: PriceTable, region: str | None, instance_price: float | None) -> Price | None:
    if instance_price is not None:
        return Price(instance_price, "", "--instance-price", "given")
    return None if region is None else prices.instances.get((region, stage.instance_type))
