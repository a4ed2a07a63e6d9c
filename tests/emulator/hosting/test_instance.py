"""Instances: the archive is fetched once a version, and what an instance leaves behind is its log."""

import io
import tarfile
import uuid
from pathlib import Path

import pytest

from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.containers.environment import ServingEnvironment, ServingEnvironments
from async_endpoint.emulator.containers.errors import ContainerDied, ContainerFailed
from async_endpoint.emulator.hosting.archive_cache import ArchiveCache
from async_endpoint.emulator.hosting.errors import ImageUnavailable, ModelUnavailable
from async_endpoint.emulator.hosting.instance import InstanceFactory
from async_endpoint.protocol.serving_images import IMAGES, ImageName
from tests.emulator.conftest import Running
from tests.emulator.fakes import ACCOUNT, LIMIT, REGION, model


@pytest.fixture
def here(running: Running, tmp_path: Path) -> AwsClients:
    """Running services, and a folder for instances that nobody else uses."""
    return AwsClients(running.local.endpoint_url, REGION, ACCOUNT, tmp_path)


@pytest.fixture
def bucket(here: AwsClients) -> str:
    name = f"models-{uuid.uuid4().hex[:12]}"
    here.s3.create_bucket(Bucket=name)
    return name


def seem_built(environment: ServingEnvironment) -> None:
    """Make an environment that says it is complete, and in which no program runs."""
    environment.python.parent.mkdir(parents=True)
    environment.python.touch()
    (environment.path / "image-requirements.sha256").write_text(environment.digest)


@pytest.fixture
def factory(here: AwsClients, serving_environments: ServingEnvironments) -> InstanceFactory:
    seem_built(serving_environments.of(IMAGES["pytorch-1.11"]))
    return InstanceFactory(here, serving_environments, threads=1)


def archive() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as file:
        member = tarfile.TarInfo("code/inference.py")
        file.addfile(member)
    return content.getvalue()


def test_an_archive_is_fetched_again_only_when_it_has_changed(here: AwsClients, bucket: str) -> None:
    cache, url = ArchiveCache(here), f"s3://{bucket}/model.tar.gz"
    here.s3.put_object(Bucket=bucket, Key="model.tar.gz", Body=b"first")
    first = cache.fetch(url)
    first.write_bytes(b"as it was fetched")
    assert cache.fetch(url).read_bytes() == b"as it was fetched"
    here.s3.put_object(Bucket=bucket, Key="model.tar.gz", Body=b"second")
    assert cache.fetch(url).read_bytes() == b"second"


def test_an_archive_that_is_not_there(here: AwsClients, bucket: str) -> None:
    with pytest.raises(ModelUnavailable, match=rf"^Could not find model data at s3://{bucket}/none\. Please ensure "):
        ArchiveCache(here).fetch(f"s3://{bucket}/none")


def uri(name: ImageName) -> str:
    image = IMAGES[name]
    return f"763104351884.dkr.ecr.us-east-1.amazonaws.com/{image.repository}:{image.tags['cpu']}"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (
            {"Image": "000000000000.dkr.ecr.us-east-1.amazonaws.com/none:1"},
            r"The image .*/none:1. could not be pulled\..* images: pytorch-inference:1.*pytorch-inference:2.*hugg",
        ),
        ({"ModelDataUrl": None}, r"starts models from a model\.tar\.gz alone"),
    ],
)
def test_what_cannot_be_started_says_so(factory: InstanceFactory, changed: dict[str, str | None], why: str) -> None:
    wanted = model("m")
    container = wanted["PrimaryContainer"] | changed
    wanted["PrimaryContainer"] = {name: value for name, value in container.items() if value is not None}
    with pytest.raises((ImageUnavailable, ModelUnavailable), match=why):
        factory.make("receipts", wanted).start()


@pytest.mark.parametrize("name", ["pytorch-2.6", "huggingface-2.6"])
def test_an_image_whose_environment_is_not_built_says_how_to_build_it(
    factory: InstanceFactory, here: AwsClients, bucket: str, name: ImageName
) -> None:
    here.s3.put_object(Bucket=bucket, Key="model.tar.gz", Body=archive())
    wanted = model("m", f"s3://{bucket}/model.tar.gz")
    wanted["PrimaryContainer"]["Image"] = uri(name)
    with pytest.raises(ImageUnavailable, match=f"not built here.* with `async-endpoint local prepare --image {name}`"):
        factory.make("receipts", wanted).start()


def test_an_instance_runs_in_the_environment_of_its_models_image(
    factory: InstanceFactory, serving_environments: ServingEnvironments, here: AwsClients, bucket: str
) -> None:
    here.s3.put_object(Bucket=bucket, Key="model.tar.gz", Body=archive())
    for name in ("pytorch-1.11", "pytorch-2.6"):
        environment = serving_environments.of(IMAGES[name])
        if name != "pytorch-1.11":
            seem_built(environment)
        wanted = model("m", f"s3://{bucket}/model.tar.gz")
        wanted["PrimaryContainer"]["Image"] = uri(name)
        instance = factory.make(name, wanted)
        instance.start()
        (folder,) = (here.workdir / "instances").glob(f"{name}-i-*")
        (base,) = folder.glob("overlay/lib/*/site-packages/base.pth")
        assert base.read_text() == f"import site; site.addsitedir({str(environment.site_packages)!r})\n"
        instance.stop()


def test_no_two_instances_share_an_id(factory: InstanceFactory) -> None:
    ids = {factory.make("e", model("m")).instance_id for _ in range(100)}
    assert len(ids) == 100
    assert {len(each) for each in ids} == {len("i-0123456789abcdef0")}


def test_a_stopped_instance_leaves_its_log_and_nothing_else(
    factory: InstanceFactory, here: AwsClients, bucket: str
) -> None:
    here.s3.put_object(Bucket=bucket, Key="model.tar.gz", Body=archive())
    instance = factory.make("receipts", model("m", f"s3://{bucket}/model.tar.gz"))
    instance.start()
    with pytest.raises(ContainerFailed):  # no program runs in the serving environment
        instance.wait_ready(LIMIT)
    (folder,) = (here.workdir / "instances").iterdir()
    assert folder.name == f"receipts-{instance.instance_id}"
    assert (folder / "ml" / "model" / "code" / "inference.py").exists()
    instance.stop()
    assert [path.name for path in folder.iterdir()] == ["container.log"]


def test_an_instance_that_was_stopped_does_not_start(factory: InstanceFactory, here: AwsClients, bucket: str) -> None:
    here.s3.put_object(Bucket=bucket, Key="model.tar.gz", Body=archive())
    instance = factory.make("receipts", model("m", f"s3://{bucket}/model.tar.gz"))
    instance.stop()
    with pytest.raises(ContainerDied, match="stopped before it started"):
        instance.start()
    assert not instance.alive
    assert not instance.ping()
    with pytest.raises(ContainerDied, match="has no container"):
        instance.wait_ready(1)
