"""The type of options that take a length of time."""

from __future__ import annotations

from datetime import timedelta

import click

from async_endpoint.operations.jobs.redrive import parse_age

_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}


class _Age(click.ParamType[timedelta]):
    """A length of time, such as 6h."""

    name = "age"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        try:
            return parse_age(value, _UNITS)
        except ValueError as error:
            self.fail(str(error), param, ctx)


AGE = _Age()
