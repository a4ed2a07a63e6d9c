import json
from collections.abc import Callable
from pathlib import Path

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Annotations, Match
from aws_cdk.cx_api import CloudAssembly

from async_endpoint.protocol.serving_images import DEFAULT_IMAGE, IMAGES
from stacks.constructs.model_archive import ModelArchive
from stacks.settings.fields import SettingsError
from stacks.settings.model import ModelSettings
from tests.stacks.templates import ROOT, TemplateWith, by_sid, properties, write_artifacts

MODEL = "AWS::SageMaker::Model"


def test_an_archive_in_another_bucket_is_read_from_there(endpoint_with: TemplateWith) -> None:
    endpoint = endpoint_with(model__source="archive", model__location="s3://models-1/donut/model.tar.gz")
    assert properties(endpoint, MODEL)["PrimaryContainer"]["ModelDataUrl"] == "s3://models-1/donut/model.tar.gz"
    assert "arn:aws:s3:::models-1/donut/model.tar.gz" in by_sid(endpoint)["ReadModelAndDocuments"]["Resource"]


def test_an_uncompressed_model_is_read_below_its_prefix_alone(endpoint_with: TemplateWith) -> None:
    endpoint = endpoint_with(model__source="prefix", model__location="s3://models-1/donut/")
    container = properties(endpoint, MODEL)["PrimaryContainer"]
    assert container["ModelDataSource"] == {
        "S3DataSource": {"S3Uri": "s3://models-1/donut/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    }
    assert "ModelDataUrl" not in container
    statements = by_sid(endpoint)
    assert "arn:aws:s3:::models-1/donut/*" in statements["ReadModelAndDocuments"]["Resource"]
    assert "arn:aws:s3:::models-1" in statements["ListBuckets"]["Resource"]


def test_the_archive_is_packed_when_it_is_published(
    artifacts: Path, assembly_of: Callable[[str], CloudAssembly]
) -> None:
    synthesised = Path(assembly_of("dev").directory)
    manifest = json.loads((synthesised / "Endpoint.assets.json").read_text(encoding="utf-8"))
    (key,) = (each for each in manifest["files"] if each.endswith(".tar.gz"))
    digest = key.removesuffix(".tar.gz")
    interpreter, script, *options = manifest["files"][key]["source"]["executable"]
    assert Path(interpreter).is_file()
    assert Path(script) == ROOT / "model_artifacts" / "pack.py"
    assert options == ["--folder", str(artifacts), "--expect", digest, "--dependencies", "included"]
    (place,) = manifest["files"][key]["destinations"].values()
    assert place["objectKey"] == key
    assert not list(synthesised.rglob("model.pth")), "nothing of it is copied into cdk.out"


def test_another_image_of_the_stage_is_the_one_that_the_archive_is_packed_for(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path / "out"))
    folder = write_artifacts(tmp_path / "mine")
    image = IMAGES["huggingface-2.6"]
    ModelArchive(Stack(app, "Stack"), "Archive", folder=folder, settings=ModelSettings(folder="mine"), image=image)
    app.synth()
    manifest = json.loads((tmp_path / "out" / "Stack.assets.json").read_text(encoding="utf-8"))
    commands = [each["source"].get("executable", []) for each in manifest["files"].values()]
    assert [command[-2:] for command in commands if command] == [["--image", "huggingface-2.6"]]


def test_batches_on_a_server_without_them_need_code_that_makes_them(tmp_path: Path) -> None:
    folder = write_artifacts(tmp_path / "mine")
    settings, image = ModelSettings(folder="mine"), IMAGES["huggingface-2.6"]
    with pytest.raises(SettingsError) as raised:
        ModelArchive(Stack(App(), "Stack"), "Archive", folder=folder, settings=settings, image=image, batch_size=8)
    assert str(raised.value) == (
        'serving.batch_size is 8 and endpoint.image "huggingface-2.6", whose Multi Model Server makes no batches, and '
        "mine/code/multi_model_server.py is missing, which would: set batch_size = 1, or see docs/your-model.md for "
        "the files to copy."
    )
    other = IMAGES["pytorch-2.6"]
    ModelArchive(Stack(App(), "Stack"), "Archive", folder=folder, settings=settings, image=other, batch_size=8)
    (folder / "code" / "multi_model_server.py").write_text("", encoding="utf-8")
    ModelArchive(Stack(App(), "Stack"), "Archive", folder=folder, settings=settings, image=image, batch_size=8)


def test_another_program_of_the_stage_is_the_code_that_is_packed(tmp_path: Path) -> None:
    folder = write_artifacts(tmp_path / "mine")
    (folder / "code" / "inference.py").rename(folder / "code" / "serve.py")
    app = App(outdir=str(tmp_path / "out"))
    settings = ModelSettings(folder="mine", environment={"SAGEMAKER_PROGRAM": "serve.py"})
    ModelArchive(Stack(app, "Stack"), "Archive", folder=folder, settings=settings, image=IMAGES[DEFAULT_IMAGE])
    app.synth()
    manifest = json.loads((tmp_path / "out" / "Stack.assets.json").read_text(encoding="utf-8"))
    commands = [each["source"].get("executable", []) for each in manifest["files"].values()]
    assert [command[-2:] for command in commands if command] == [["--program", "serve.py"]]


def test_a_synth_says_what_is_left_out_of_the_archive(tmp_path: Path) -> None:
    folder = write_artifacts(tmp_path / "mine")
    (folder / "notebook.ipynb").write_text("{}", encoding="utf-8")
    stack = Stack(App(), "Stack")
    settings = ModelSettings(folder="mine")
    ModelArchive(stack, "Archive", folder=folder, settings=settings, image=IMAGES[DEFAULT_IMAGE])
    infos = Annotations.from_stack(stack).find_info("*", Match.any_value())
    assert [entry.entry.data for entry in infos] == ["Left out: notebook.ipynb."]
