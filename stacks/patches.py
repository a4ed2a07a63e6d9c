"""The warning for an image that gets no more security patches.

AWS leaves an image in its registry after the end of its patches, and an endpoint with it keeps running; nothing else
would tell that vulnerabilities in it stay open.
"""

from collections.abc import Iterable
from datetime import date

from aws_cdk import Annotations
from constructs import IConstruct

from async_endpoint.protocol.serving_images import IMAGES, ServingImage
from stacks.rules import suppress
from stacks.settings.endpoint import warning_id

_SCOPE = "async-endpoint"


def warn_of_end(scope: IConstruct, image: ServingImage, *, today: date | None, acknowledged: Iterable[str]) -> None:
    """Adds a warning for an image that is past its end of patch on that day; without a day, none.

    The templates are the same with the warning and without it. `acknowledged` are the ids that the stage accepts.
    """
    if today is None or image.end_of_patch is None or today <= image.end_of_patch:
        return
    warning = warning_id(image)
    Annotations.of(scope).add_warning_v2(f"{_SCOPE}:{warning}", _sentence(image, image.end_of_patch, today))
    if warning in acknowledged:
        suppress(scope, {f"Annotation::{_SCOPE}:{warning}": "endpoint.acknowledged_warnings of the stage names it."})


def _sentence(image: ServingImage, end: date, today: date) -> str:
    others = [
        f'"{each.name}" ({f"patched until {each.end_of_patch}" if each.end_of_patch else "AWS has published no end"})'
        for each in IMAGES.values()
        if each.end_of_patch is None or each.end_of_patch >= today
    ]
    instead = f"set endpoint.image to {' or '.join(others)}" if others else "build an image of your own"
    return (
        f"AWS's patches of the image {image.name} ended on {end}: vulnerabilities found since stay open. Either "
        f'{instead}, see docs/images.md, or add "{warning_id(image)}" to endpoint.acknowledged_warnings.'
    )
