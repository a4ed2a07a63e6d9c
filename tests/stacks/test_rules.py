from pathlib import Path

import pytest
from aws_cdk import App
from aws_cdk import aws_iam as iam

from app import build_app
from stacks.endpoint import EndpointStack
from stacks.foundation import FoundationStack
from tests.stacks.templates import dev


def report_of(app: App) -> str:
    """The report of the findings that make the app's synth fail."""
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    return (Path(app.outdir) / "validation-report.json").read_text(encoding="utf-8")


def test_the_rules_of_nist_are_on_where_a_stage_wants_them(artifacts: Path, tmp_path: Path) -> None:
    """A stage without a key of its own breaks them; dev does not claim to keep them."""
    app = build_app(dev(nist_800_53=True), artifacts=artifacts, outdir=tmp_path)
    assert "NIST.800.53.R5-S3DefaultEncryptionKMS" in report_of(app)


def test_a_wildcard_that_is_not_suppressed_fails_the_synth(artifacts: Path, tmp_path: Path) -> None:
    app = build_app(artifacts=artifacts, outdir=tmp_path)
    foundation, endpoint = app.node.find_child("Foundation"), app.node.find_child("Endpoint")
    assert isinstance(foundation, FoundationStack)
    assert isinstance(endpoint, EndpointStack)
    others = foundation.buckets.output.arn_for_objects("other/*")
    iam.ManagedPolicy(endpoint, "Other", statements=[iam.PolicyStatement(actions=["s3:GetObject"], resources=[others])])
    report = report_of(app)
    assert "AwsSolutions-IAM5[Resource::" in report
    assert "/other/*]" in report
