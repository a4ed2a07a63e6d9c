"""The settings of the model server inside the container."""

from typing import ClassVar

from pydantic import Field

from stacks.settings.base import Section
from stacks.settings.fields import advice

_ONE_GIGABYTE = 1_073_741_824


class ServingSettings(Section):
    """The model server inside the container; `stacks/serving_limits.py` derives its other limits from these."""

    table: ClassVar[str] = "serving"

    workers: int | None = Field(
        None,
        ge=1,
        le=64,
        json_schema_extra=advice("each holds its own copy of the model"),
        description="Worker processes, each with its own copy of the model. Without "
        "it, one for each GPU of the instance type, or for each core of a CPU type (with fallback types, of the "
        "smallest).",
    )
    batch_size: int = Field(
        1,
        ge=1,
        le=256,
        json_schema_extra=advice("requests that a worker processes together"),
        description="Requests that a worker receives together. Leave it at 1 if the model's code does not "
        "[process batches](your-model.md#batches).",
    )
    batch_delay_milliseconds: int = Field(
        50,
        ge=0,
        le=60_000,
        json_schema_extra=advice("how long a batch waits until it is full"),
        description="How long a batch that is not full waits for more requests.",
    )
    timeout_seconds: int = Field(
        240,
        ge=1,
        le=1800,
        json_schema_extra=advice("how long a worker may take for one batch"),
        description="How long a worker may take for one batch. After that, the worker is stopped, every "
        "request of the batch gets an error, and another worker starts. Beyond the load timeout, "
        "each second lets the endpoint sleep two seconds later.",
    )
    load_timeout_seconds: int = Field(
        240,
        ge=1,
        le=3600,
        json_schema_extra=advice("how long a worker may take to load the model"),
        description="How long a worker may take to load the model. If it is too short, the worker restarts forever.",
    )
    document_seconds: int | None = Field(
        None,
        ge=1,
        le=900,
        json_schema_extra=advice("how long drawing one document may take"),
        description="How long the bundled Donut may take to draw one document, `DOCUMENT_SECONDS` of its "
        "[limits](requests.md#limits). Without it, the code's own default holds. At most half of the time after which "
        "a worker is stopped.",
    )
    document_memory_mb: int | None = Field(
        None,
        ge=256,
        le=65_536,
        json_schema_extra=advice("memory of each worker's drawing process"),
        description="Memory in which the bundled Donut draws one document, `DOCUMENT_MEMORY_MB` of its "
        "[limits](requests.md#limits). Each worker may take it in addition to its own. Without it, the code's own "
        "default holds.",
    )
    max_request_bytes: int = Field(
        104_857_600, ge=1, le=_ONE_GIGABYTE, description="Largest document that the model server accepts."
    )
    max_response_bytes: int = Field(
        104_857_600, ge=1, le=_ONE_GIGABYTE, description="Largest result that the model server accepts."
    )
