"""The model archive's bucket must be in the region, with a key that works; an archive that is brought must exist."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from async_endpoint.operations.preflight.archive import Bucket, check_archive, judge_archive
from async_endpoint.operations.preflight.assembly import Archive
from async_endpoint.operations.preflight.check import Check, Status
from async_endpoint.protocol.packed_for import PackedFor
from async_endpoint.protocol.serving_images import IMAGES
from model_artifacts import pack
from tests.operations.preflight.fakes import ACCOUNT, REGION, client_error
from tests.stacks.templates import write_artifacts

if TYPE_CHECKING:
    from pathlib import Path

    from async_endpoint.protocol.serving_images import ImageName

BUILT = Archive("b", "k", is_prefix=False, is_published=True)
BROUGHT = Archive("b", "k", is_prefix=False, is_published=False)
OK, WARNING, ERROR = Status.OK, Status.WARNING, Status.ERROR


@pytest.mark.parametrize(
    ("archive", "found", "status", "says"),
    [
        (BUILT, Bucket(REGION), OK, "will be uploaded to"),
        (BROUGHT, Bucket(REGION, "key", "Enabled"), OK, "is encrypted with key"),
        (BUILT, Bucket(None), ERROR, "There is no bucket b"),
        (BROUGHT, Bucket(None), ERROR, "There is no bucket b"),
        (BROUGHT, Bucket("us-east-1"), ERROR, "in us-east-1"),
        (BUILT, Bucket(REGION, "key", "Disabled"), ERROR, "which is Disabled"),
        (BUILT, Bucket(REGION, "key", "gone"), ERROR, "which is gone"),
        (BROUGHT, Bucket(REGION, has_archive=False), ERROR, "no object at s3://b/k"),
    ],
)
def test_an_archive_needs_a_bucket_in_the_region_a_usable_key_and_the_object(
    archive: Archive, found: Bucket, status: Status, says: str
) -> None:
    check = judge_archive(archive, found, account=ACCOUNT, region=REGION)
    assert check.status is status
    assert says in check.message
    assert (check.fix is None) == (status is OK)


def uri_of(name: str) -> str:
    image = IMAGES[name]
    return f"763104351884.dkr.ecr.{REGION}.amazonaws.com/{image.repository}:{image.tags['gpu']}"


@pytest.mark.parametrize(
    ("packed", "stage", "status", "says"),
    [
        ("pytorch-2.6", "pytorch-2.6", OK, "It is packed for pytorch-2.6, the stage's image."),
        (
            "pytorch-1.11",
            "pytorch-2.6",
            ERROR,
            "the image pytorch-1.11, and the stage has pytorch-2.6, which has another Python or other packages.",
        ),
        (
            "pytorch-2.6",
            "pytorch-1.11",
            ERROR,
            "packed for the image pytorch-2.6, and the stage has pytorch-1.11, which",
        ),
        ("huggingface-2.6", "pytorch-2.6", ERROR, "which has another Python or other packages."),
        ("pytorch-2.6", "huggingface-2.6", WARNING, "which has the same Python and packages."),
    ],
)
def test_an_archive_that_is_brought_must_be_packed_for_the_stage_s_image(
    packed: str, stage: str, status: Status, says: str
) -> None:
    found = Bucket(REGION, packed_for=PackedFor.from_image(IMAGES[packed]))
    check = judge_archive(replace(BROUGHT, image=uri_of(stage)), found, account=ACCOUNT, region=REGION)
    assert check.status is status
    assert check.message.endswith(says) or says in check.message
    if status is not OK:
        assert check.fix is not None
        assert check.fix.startswith(f"async-endpoint model pack --image {stage}   # ")
        assert check.fix.endswith(f"set endpoint.image to {packed}")


@pytest.mark.parametrize("image", [None, f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/mine:1"])
def test_an_image_of_one_s_own_is_compared_in_the_container_only(image: str | None) -> None:
    found = Bucket(REGION, packed_for=PackedFor.from_image(IMAGES["pytorch-2.6"]))
    check = judge_archive(replace(BROUGHT, image=image), found, account=ACCOUNT, region=REGION)
    assert (check.status, check.fix) == (OK, None)
    assert check.message.endswith("It is packed for pytorch-2.6; the stage has an image of its own.")


class S3:
    """A bucket's objects, by their keys; an exception in an object's place is raised."""

    def __init__(self, **objects: Any) -> None:
        self.objects = objects
        self.meta = SimpleNamespace(region_name=REGION)

    def head_bucket(self, **_: Any) -> dict[str, Any]:
        return {"BucketRegion": REGION}

    def get_bucket_encryption(self, **_: Any) -> dict[str, Any]:
        raise client_error("ServerSideEncryptionConfigurationNotFoundError")

    def head_object(self, **request: Any) -> None:
        if request["Key"] not in self.objects:
            raise client_error("404")

    def list_objects_v2(self, **request: Any) -> dict[str, Any]:
        return {"KeyCount": sum(key.startswith(request["Prefix"]) for key in self.objects)}

    def get_object(self, **request: Any) -> dict[str, Any]:
        if request["Key"] not in self.objects:
            raise client_error("NoSuchKey")
        content = self.objects[request["Key"]]
        if isinstance(content, Exception):
            raise content
        first, last = map(int, request["Range"].removeprefix("bytes=").split("-"))
        return {"Body": io.BytesIO(content[first : last + 1])}


def checked(archive: Archive, objects: dict[str, Any]) -> Check:
    clients: Any = SimpleNamespace(s3=S3(**objects))
    return check_archive(clients, replace(archive, image=uri_of("pytorch-2.6")), account=ACCOUNT, region=REGION)


@pytest.mark.parametrize(("image", "status"), [("pytorch-2.6", OK), ("pytorch-1.11", ERROR)])
def test_the_first_bytes_of_an_archive_in_s3_say_what_it_is_packed_for(
    tmp_path: Path, image: ImageName, status: Status
) -> None:
    pack.pack(write_artifacts(tmp_path / "model"), tmp_path / "model.tar.gz", image=image)
    check = checked(BROUGHT, {"k": (tmp_path / "model.tar.gz").read_bytes()})
    assert check.status is status, check
    assert f"packed for {'' if status is OK else 'the image '}{image}" in check.message


@pytest.mark.parametrize(("image", "status"), [("pytorch-2.6", OK), ("pytorch-1.11", ERROR)])
def test_a_prefix_says_so_in_the_same_file(image: str, status: Status) -> None:
    said = PackedFor.from_image(IMAGES[image]).to_json()
    check = checked(
        Archive("b", "m/", is_prefix=True, is_published=False), {"m/packed_for.json": said, "m/model.pth": b""}
    )
    assert check.status is status, check


def test_an_archive_or_a_prefix_that_does_not_say_so_gets_a_note(tmp_path: Path) -> None:
    plain = tmp_path / "plain.tar.gz"
    with tarfile.open(plain, "w:gz") as tar:
        tar.add(__file__, "code/inference.py")
    prefix = checked(Archive("b", "m/", is_prefix=True, is_published=False), {"m/model.pth": b""})
    for check in (prefix, checked(BROUGHT, {"k": plain.read_bytes()})):
        assert (check.status, check.fix) == (OK, None)
        assert check.message.endswith("It does not say for which image it is packed.")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"not an archive", "The archive is not a gzipped tar file: "),
        (client_error("AccessDenied"), "S3 said AccessDenied."),
        (client_error("InvalidRange"), "S3 said InvalidRange."),
    ],
)
def test_an_archive_that_cannot_be_read_is_a_warning(content: Any, says: str) -> None:
    check = checked(BROUGHT, {"k": content})
    assert check.status is WARNING
    assert f"For which image it is packed was not checked: {says}" in check.message
    assert check.fix == "aws s3 cp s3://b/k .   # to see why"
