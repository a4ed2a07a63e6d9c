"""Changes that lose data, or that SageMaker rejects, must not be deployed."""

from __future__ import annotations

import pytest

from tests.operations.diff.stack import Template, compare


@pytest.mark.parametrize("change", ["renamed", "replaced"])
def test_a_bucket_must_not_be_lost(head: Template, change: str) -> None:
    if change == "renamed":
        head["Resources"]["Inputs"] = head["Resources"].pop("In")
    else:
        head["Resources"]["In"]["Properties"] = {"BucketName": "documents"}
    action = "removed" if change == "renamed" else "replaced"
    (sentence,) = compare(head).forbidden
    assert sentence.startswith(
        f"AWS::S3::Bucket Endpoint/Documents/Input (In) would be {action}, and with it documents. Keep its construct id"
    )


@pytest.mark.parametrize("kind", ["AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::SNS::Topic", "AWS::SQS::Queue"])
def test_a_resource_with_contents_must_not_be_removed(head: Template, base: Template, kind: str) -> None:
    base["Resources"]["Kept"] = {"Type": kind}
    (sentence,) = compare(head, base).forbidden
    assert f"{kind} Kept (Kept) would be removed" in sentence


def variant_of(template: Template) -> Template:
    (variant,) = template["Resources"]["Config"]["Properties"]["ProductionVariants"]
    return dict(variant)


@pytest.mark.parametrize("member", [{"InstanceType": "ml.g5.xlarge"}, {"VariantName": "Other"}])
@pytest.mark.parametrize("target_goes", [False, True])
def test_another_type_under_a_scalable_target_takes_two_deploys(
    head: Template, member: Template, *, target_goes: bool
) -> None:
    head["Resources"]["Config"]["Properties"]["ProductionVariants"] = [variant_of(head) | member]
    if target_goes:  # it would still be there when the endpoint is updated
        del head["Resources"]["Target"]
    (sentence,) = compare(head).forbidden
    assert "Take two deploys: first scaling.enabled = false" in sentence


def test_each_of_the_two_steps_may_be_deployed(head: Template, base: Template) -> None:
    del head["Resources"]["Target"]
    assert compare(head).forbidden == ()
    last = base
    last["Resources"]["Config"]["Properties"]["ProductionVariants"] = [
        variant_of(last) | {"InstanceType": "ml.g5.xlarge"}
    ]
    assert compare(last, head).forbidden == ()
