"""The dated table of prices in the package, and its gaps."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Self

# Where the table has prices of more than instances.
BASE_REGION = "us-east-1"
_STALE_AFTER = timedelta(days=180)


@dataclass(frozen=True)
class Price:
    """A price.

    Attributes:
        usd: For one unit.
        usage_type: As the AWS bill names it.
        source: Where the number is from.
        quality: "quoted" or "weak", as the table explains; "given" for a number of the user.
    """

    usd: float
    usage_type: str
    source: str
    quality: str


@dataclass(frozen=True)
class PriceTable:
    """Prices by region.

    Attributes:
        dated: When the numbers were gathered.
        instances: An hour of an instance type, by region and type.
        usage: One unit of everything else, by region and name.
    """

    dated: date
    instances: Mapping[tuple[str, str], Price]
    usage: Mapping[tuple[str, str], Price]

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Reads a table."""
        table = tomllib.loads(text)
        return cls(
            dated=table["dated"],
            instances={(row["region"], row["type"]): _price(row, row["usd_an_hour"]) for row in table["instances"]},
            usage={(row["region"], row["name"]): _price(row, row["usd"] / row["per"]) for row in table["usage"]},
        )

    def warning(self, today: date) -> str | None:
        """Returns a sentence if the table is old; None if it is not."""
        if today - self.dated <= _STALE_AFTER:
            return None
        return (
            f"The prices are of {self.dated.isoformat()}, more than {_STALE_AFTER.days} days old: check them against "
            "the AWS Price List."
        )

    def regions_of(self, instance_type: str) -> list[str]:
        """Returns the regions for which the table has the price of a type."""
        return sorted(region for region, known in self.instances if known == instance_type)


@cache
def bundled_prices() -> PriceTable:
    """Returns the table in the package."""
    return PriceTable.from_toml(files(__package__).joinpath("prices.toml").read_text(encoding="utf-8"))


def _price(row: Mapping[str, Any], usd: float) -> Price:
    return Price(usd, row["usage_type"], row["source"], row["quality"])
