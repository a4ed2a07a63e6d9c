"""The pages' Jinja2 environment: every value is escaped, and a value that is missing is an error."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from async_endpoint.emulator.console import formatting
from async_endpoint.emulator.console.durations import duration

_ENVIRONMENT = Environment(
    loader=PackageLoader("async_endpoint.emulator.console"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=formatting.showable,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters |= {
    "count_states": formatting.count_states,
    "css_class": formatting.css_class,
    "duration": duration,
    "iso_time": formatting.iso_time,
    "readable_result": formatting.readable_result,
    "short_time": formatting.short_time,
}


def render(template: str, /, **values: object) -> str:
    """Returns a template's page with these values in it."""
    return _ENVIRONMENT.get_template(template).render(values)
