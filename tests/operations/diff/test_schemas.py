import sys

import pytest

from async_endpoint.operations.diff.schemas import SchemasMissing, create_only_properties


def test_a_type_has_the_create_only_properties_of_its_schema() -> None:
    assert "BucketName" in create_only_properties("AWS::S3::Bucket")


def test_a_type_without_a_schema_has_none() -> None:
    assert create_only_properties("Vendor::Product::Resource") == frozenset()


def test_without_cfn_lint_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cfnlint.schema", None)
    with pytest.raises(SchemasMissing, match="pip install 'cfn-lint=="):
        create_only_properties.__wrapped__("AWS::S3::Bucket")
