from tests.stacks.templates import TemplateWith


def test_alarms_may_notify_an_address(foundation_with: TemplateWith) -> None:
    foundation_with(alarms__email="team@example.com").has_resource_properties(
        "AWS::SNS::Subscription", {"Protocol": "email", "Endpoint": "team@example.com"}
    )
