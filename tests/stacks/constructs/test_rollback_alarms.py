from tests.stacks.templates import TemplateWith, properties


def test_without_rollback_alarms_there_are_none(endpoint_with: TemplateWith) -> None:
    endpoint = endpoint_with(updates__rollback_on_alarms=False)
    assert "AutoRollbackConfiguration" not in properties(endpoint, "AWS::SageMaker::Endpoint")["DeploymentConfig"]
    assert not [each for each in endpoint.find_resources("AWS::CloudWatch::Alarm") if each.startswith("Rollback")]
