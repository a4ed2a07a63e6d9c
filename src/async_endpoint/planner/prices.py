"""The dated table of prices in the package, and its gaps."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

from async_endpoint.planner.errors import PlanError

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
        quality: "quoted" or "weak", as the table explains; "listed" if it was read from a price list file; "given" for
            a number of the user.
    """

    usd: float
    usage_type: str
    source: str
    quality: str


@dataclass(frozen=True)
class PriceTable:
    """Prices by region.

    Attributes:
        dated: When the numbers were gathered; those of instances, if `usage_dated` has another date.
        instances: An hour of an instance type, by region and type.
        usage: One unit of everything else, by region and name.
        usage_dated: When the numbers in `usage` were gathered, if that was at another time.
    """

    dated: date
    instances: Mapping[tuple[str, str], Price]
    usage: Mapping[tuple[str, str], Price]
    usage_dated: date | None = None

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Reads a table."""
        table = tomllib.loads(text)
        return cls(
            dated=_date(table["dated"]),
            instances={
                (row["region"], row["type"]): _price(row, row["usd_an_hour"]) for row in _rows(table["instances"])
            },
            usage={
                (row["region"], row["name"]): _price(row, row["usd"] / row["per"]) for row in table.get("usage", ())
            },
        )

    def warning(self, today: date) -> str | None:
        """Returns a sentence if the table is old; None if it is not."""
        dated = min(self.dated, self.usage_dated or self.dated)
        if today - dated <= _STALE_AFTER:
            return None
        what = "The prices" if self.usage_dated is None else f"Prices of {self._kind(dated)}"
        return (
            f"{what} are of {dated.isoformat()}, more than {_STALE_AFTER.days} days old: check them against "
            "the AWS Price List."
        )

    def describe_dates(self) -> str:
        """Returns from when the prices are, for people."""
        if self.usage_dated is None:
            return f"Prices of {self.dated.isoformat()}"
        return f"Prices of instances of {self.dated.isoformat()}, others of {self.usage_dated.isoformat()}"

    def _kind(self, dated: date) -> str:
        return "instances" if dated == self.dated else "everything but instances"

    def regions_of(self, instance_type: str) -> list[str]:
        """Returns the regions for which the table has the price of a type."""
        return sorted(region for region, known in self.instances if known == instance_type)


@cache
def bundled_prices() -> PriceTable:
    """Returns the table in the package."""
    return PriceTable.from_toml(files(__package__).joinpath("prices.toml").read_text(encoding="utf-8"))


def read_prices(path: Path) -> PriceTable:
    """Returns the table in a file that `async-endpoint prices` wrote, with the package's prices of everything else.

    Prices of instances are the file's alone: those of the package would be of another day. Rows `[[usage]]` of the file
    replace those of the package.

    Raises:
        PlanError: The file cannot be read, or is no table of prices.
    """
    packaged = bundled_prices()
    try:
        own = PriceTable.from_toml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlanError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, ArithmeticError) as error:
        raise PlanError(
            f"{path} is no table of prices ({_reason(error)}): let `async-endpoint prices` write it."
        ) from error
    return PriceTable(own.dated, own.instances, {**packaged.usage, **own.usage}, packaged.dated)


def _rows(rows: Any) -> list[Mapping[str, Any]]:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TypeError("instances and usage are arrays of tables")
    return rows


def _reason(error: Exception) -> str:
    return f"it lacks {error}" if isinstance(error, KeyError) else str(error)


def _price(row: Mapping[str, Any], usd: float) -> Price:
    if isinstance(usd, bool) or not isinstance(usd, int | float) or not math.isfinite(usd) or usd <= 0:
        raise ValueError(f"a price is {usd!r}")
    return Price(float(usd), str(row["usage_type"]), str(row["source"]), str(row["quality"]))


def _date(value: Any) -> date:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise TypeError(f"dated is {value!r} and no date")
    return value
