import json
from collections.abc import Callable
from pathlib import Path

from aws_cdk.cx_api import CloudAssembly

from tests.stacks.templates import ROOT, TemplateWith, by_sid, properties

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
