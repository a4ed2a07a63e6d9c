"""The image of a stage: its URI in the stage's region, its repository's ARN, and the instance types that it can use.

What each of AWS's images holds is in `async_endpoint.protocol.serving_images`.
"""

import re
from dataclasses import dataclass

from aws_cdk import region_info

from async_endpoint.protocol.serving_images import DEFAULT_IMAGE, IMAGES, ImageName, ServingImage, tagged
from stacks.instance_types import Capability, Device, capability_of
from stacks.settings.fields import SettingsError

# `aws_cdk.region_info` knows the account of the Deep Learning Containers in most regions; nothing is looked up. These
# are the others of https://aws.github.io/deep-learning-containers/reference/region_availability/
# (docs/reference/region_availability.md at e0ecedea6a of aws/deep-learning-containers).
_ACCOUNTS = {
    "af-south-1": "626614931356",
    "ap-northeast-3": "364406365360",
    "ap-southeast-5": "550225433462",
    "ap-southeast-7": "590183813437",
    "ca-west-1": "204538143572",
    "il-central-1": "780543022126",
    "mx-central-1": "637423239942",
}

# Its groups: account, region, repository. Editors have it from the JSON schema, which knows no names of groups.
IMAGE_URI_PATTERN = (
    r"([0-9]{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com/"
    r"([a-z0-9]+(?:[._/-][a-z0-9]+)*)(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|@sha256:[0-9a-f]{64})"
)


@dataclass(frozen=True)
class StageImage:
    """The image that a stage's endpoint runs.

    Attributes:
        uri: Its URI in the stage's region.
        repository_arn: The ARN of its repository.
        base: The image of AWS's that it is, or is built from.
        exact: Whether it is that image, here or in a mirror; nothing else is known of what another one holds.
    """

    uri: str
    repository_arn: str
    base: ServingImage
    exact: bool = True


def account_of(region: str) -> str | None:
    """Returns the account of the Deep Learning Containers in a region; None where AWS publishes none."""
    return region_info.RegionInfo.get(region).dlc_repository_account or _ACCOUNTS.get(region)


def regions() -> list[str]:
    """Returns the regions outside of isolated partitions in which AWS publishes Deep Learning Containers."""
    known = {each.name for each in region_info.RegionInfo.regions if each.partition in {"aws", "aws-cn"}}
    return sorted(name for name in known | _ACCOUNTS.keys() if account_of(name))


def known_image(name: str, *, region: str, device: Device) -> StageImage:
    """Returns one of AWS's images in a region, for a processor.

    Raises:
        SettingsError: AWS publishes no Deep Learning Containers in the region.
    """
    account = account_of(region)
    if not account:
        raise SettingsError(
            f'region is "{region}"; AWS publishes no PyTorch serving image there: choose a region such as '
            "ap-northeast-1, us-east-1 or eu-west-1."
        )
    facts, image = region_info.RegionInfo.get(region), IMAGES[name]
    return StageImage(
        uri=f"{account}.dkr.ecr.{region}.{facts.domain_suffix}/{image.repository}:{image.tags[device]}",
        repository_arn=f"arn:{facts.partition}:ecr:{region}:{account}:repository/{image.repository}",
        base=image,
    )


def own_image(uri: str, *, base: ImageName | None, region: str) -> StageImage:
    """Returns the image of a URI, which has the form of `IMAGE_URI_PATTERN`.

    A URI with the repository and the tag of one of AWS's images, as a private mirror has them, is that image.

    Raises:
        SettingsError: The image is in another region, from which SageMaker does not pull.
    """
    parts = re.fullmatch(IMAGE_URI_PATTERN, uri)
    if parts is None or parts[2] != region:
        raise SettingsError(
            f'endpoint.image is "{uri}" and region "{region}"; SageMaker pulls images from its own region: copy '
            "the image there and name the copy."
        )
    known = tagged(uri)
    return StageImage(
        uri=uri,
        repository_arn=f"arn:aws:ecr:{region}:{parts[1]}:repository/{parts[3]}",
        base=known[0] if known else IMAGES[base or DEFAULT_IMAGE],
        exact=known is not None,
    )


def require_gpu(instance_type: str, *, image: ServingImage, field: str) -> None:
    """Checks that an image runs on the GPUs of the type in the setting `field`.

    Raises:
        SettingsError: The image's CUDA does not support the GPUs, or their family is not listed here.
    """
    found = capability_of(instance_type)
    named = f"the image {image.name} (CUDA {image.cuda.version})"
    serves = f"serves {dotted(image.cuda.oldest)} to {dotted(image.cuda.newest)}"
    instead = f"choose a type that it serves, such as ml.g4dn.xlarge or ml.g5.xlarge, or {_other_image(found)}"
    if found is None:
        raise SettingsError(
            f'{field} is "{instance_type}"; the compute capability of its GPU is not known here, and {named} {serves}: '
            f"{instead}."
        )
    if not image.cuda.oldest <= found <= image.cuda.newest:
        raise SettingsError(
            f'{field} is "{instance_type}"; its GPU is of compute capability {dotted(found)}, and {named} '
            f"{serves}: {instead}."
        )


def _other_image(capability: Capability | None) -> str:
    """Names the images that serve a GPU, or says that one of one's own is needed."""
    fitting = [
        f'"{image.name}"'
        for image in IMAGES.values()
        if capability is not None and image.cuda.oldest <= capability <= image.cuda.newest
    ]
    return f"set endpoint.image to {' or '.join(fitting) or 'the URI of an image of your own'}"


def dotted(capability: Capability) -> str:
    """Returns a compute capability as NVIDIA writes it: 8.6."""
    return ".".join(map(str, capability))
