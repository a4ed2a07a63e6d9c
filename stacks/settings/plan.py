"""The settings of the plan in a pull request: the stage's traffic and its times. No template depends on them."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from stacks.settings.base import Section
from stacks.settings.fields import Region, SettingsError, allowed
from stacks.settings.model import File

_DAY_SECONDS = 86_400
_SECONDS = f"a number of seconds from 0 to {_DAY_SECONDS}, or percentiles in quotes, such as p50=0.2,p95=0.8"
Seconds = Annotated[float, Field(ge=0, le=_DAY_SECONDS, allow_inf_nan=False)] | Annotated[str, Field(min_length=1)]
REQUIRED = ("service_seconds", "start_seconds")


class PlanSettings(Section):
    """What `async-endpoint diff` simulates both sides of a change with, and `async-endpoint plan --stage` a stage.

    Only what the stacks can check is checked here: patterns, percentiles and files are read by the planner, and a wrong
    one stops no deployment.
    """

    table: ClassVar[str] = "plan"

    pattern: str | None = Field(
        None,
        json_schema_extra=allowed("a pattern in quotes, such as rate=30,office-rate=400"),
        description="The stage's traffic, [as `--pattern` takes it](cost.md#traffic).",
    )
    arrivals: File | None = Field(
        None, description="A CSV file with the traffic instead, [as `--arrivals` takes it](cost.md#traffic)."
    )
    service_seconds: Seconds | None = Field(
        None,
        json_schema_extra=allowed(_SECONDS),
        description="How long a request is processed. Required in a `[plan]`.",
    )
    start_seconds: Seconds | None = Field(
        None,
        json_schema_extra=allowed(_SECONDS),
        description="How long an instance takes from its launch until it serves. Required in a `[plan]`.",
    )
    concurrency: int | None = Field(
        None,
        ge=1,
        le=1000,
        description="Requests that an instance really processes at a time. Without it, those that the template allows.",
    )
    price_region: Region | None = Field(
        None,
        description="Whose instance prices are used, such as us-east-1. Without it, those of the stage's region.",
    )
    prices: File | None = Field(
        None,
        json_schema_extra=allowed("a file below the repository's folder, such as prices.toml"),
        description="A table of instance prices that [`async-endpoint prices`](cost.md#prices) wrote. Without it, the "
        "packaged table.",
    )

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        """Checks that a table which says something says enough for a plan."""
        if all(each is None for each in vars(self).values()):
            return self
        if (self.pattern is None) == (self.arrivals is None):
            names = "plan.pattern {} plan.arrivals"
            given = ("neither " + names.format("nor")) if self.pattern is None else ("both " + names.format("and"))
            raise SettingsError(f"[plan] has {given}; describe the traffic by one of the two, or take the table out.")
        for name in REQUIRED:
            if getattr(self, name) is None:
                raise SettingsError(f"plan.{name} is missing; add it, because a plan has no default for it.")
        return self
