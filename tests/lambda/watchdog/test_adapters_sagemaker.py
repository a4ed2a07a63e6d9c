"""The watchdog's adapter for SageMaker and Application Auto Scaling, with stubbed responses."""

from collections.abc import Iterator
from datetime import UTC, datetime

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from async_endpoint.protocol import VariantScaling
from watchdog.adapters import SageMakerEndpoint
from watchdog.ports import Fleet, StopRejected


class Sage:
    """SageMaker and Application Auto Scaling, whose responses are set beforehand."""

    def __init__(self, session: boto3.Session) -> None:
        sagemaker, scaling = session.client("sagemaker"), session.client("application-autoscaling")
        self.sagemaker, self.scaling = Stubber(sagemaker), Stubber(scaling)
        self.clients = (sagemaker, scaling)
        self.endpoint = SageMakerEndpoint(VariantScaling(sagemaker, scaling, endpoint="receipts", variant="AllTraffic"))

    def describes(self, status: str, instances: int) -> None:
        moment = datetime(2027, 1, 15, 7, 0, tzinfo=UTC)
        response = {
            "EndpointName": "receipts",
            "EndpointArn": "arn:aws:sagemaker:ap-northeast-1:111122223333:endpoint/receipts",
            "EndpointStatus": status,
            "CreationTime": moment,
            "LastModifiedTime": moment,
            "ProductionVariants": [{"VariantName": "AllTraffic", "CurrentInstanceCount": instances}],
        }
        self.sagemaker.add_response("describe_endpoint", response, {"EndpointName": "receipts"})

    def has_target(self, *, minimum: int | None, suspended: bool = False) -> None:
        target = {
            "ServiceNamespace": "sagemaker",
            "ResourceId": "endpoint/receipts/variant/AllTraffic",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        }
        more = {
            "MinCapacity": minimum,
            "MaxCapacity": 4,
            "RoleARN": "arn:aws:iam::111122223333:role/scaling",
            "CreationTime": datetime(2027, 1, 15, 7, 0, tzinfo=UTC),
            "SuspendedState": {"DynamicScalingInSuspended": suspended},
        }
        found = [] if minimum is None else [{**target, **more}]
        asked = {
            "ServiceNamespace": "sagemaker",
            "ResourceIds": [target["ResourceId"]],
            "ScalableDimension": target["ScalableDimension"],
        }
        self.scaling.add_response("describe_scalable_targets", {"ScalableTargets": found}, asked)


@pytest.fixture
def sage(session: boto3.Session) -> Iterator[Sage]:
    made = Sage(session)
    with made.sagemaker, made.scaling:
        yield made
        made.sagemaker.assert_no_pending_responses()
        made.scaling.assert_no_pending_responses()
    for client in made.clients:
        client.close()


@pytest.mark.parametrize(("minimum", "suspended"), [(0, False), (1, True), (None, False)])
def test_the_fleet_is_the_endpoints_and_its_minimum_the_targets(
    sage: Sage, minimum: int | None, *, suspended: bool
) -> None:
    sage.describes("InService", 2)
    sage.has_target(minimum=minimum, suspended=suspended)

    assert sage.endpoint.fleet() == Fleet(
        status="InService",
        instances=2,
        changed_at="2027-01-15T07:00:00.000Z",
        minimum=minimum,
        suspended=suspended,
    )


def test_an_endpoint_that_is_not_there_has_no_status(sage: Sage) -> None:
    said = 'Could not find endpoint "arn:aws:sagemaker:ap-northeast-1:111122223333:endpoint/receipts".'
    sage.sagemaker.add_client_error("describe_endpoint", "ValidationException", said)

    assert sage.endpoint.fleet() == Fleet(status=None)


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException"])
def test_an_endpoint_that_cannot_be_described_is_an_error(sage: Sage, code: str) -> None:
    sage.sagemaker.add_client_error("describe_endpoint", code, "no")

    with pytest.raises(ClientError, match=code):
        sage.endpoint.fleet()


STOP = {
    "EndpointName": "receipts",
    "DesiredWeightsAndCapacities": [{"VariantName": "AllTraffic", "DesiredInstanceCount": 1}],
}


def test_stopping_sets_the_variants_count(sage: Sage) -> None:
    arn = "arn:aws:sagemaker:ap-northeast-1:111122223333:endpoint/receipts"
    sage.sagemaker.add_response("update_endpoint_weights_and_capacities", {"EndpointArn": arn}, STOP)

    sage.endpoint.stop(1)


def test_an_update_in_progress_rejects_the_stop_in_sagemakers_words(sage: Sage) -> None:
    said = 'Cannot update in-progress endpoint "receipts".'
    sage.sagemaker.add_client_error(
        "update_endpoint_weights_and_capacities", "ValidationException", said, expected_params=STOP
    )

    with pytest.raises(StopRejected, match="Cannot update in-progress endpoint"):
        sage.endpoint.stop(1)


def test_a_stop_that_the_role_does_not_allow_is_an_error(sage: Sage) -> None:
    sage.sagemaker.add_client_error("update_endpoint_weights_and_capacities", "AccessDeniedException", "no")

    with pytest.raises(ClientError, match="AccessDeniedException"):
        sage.endpoint.stop(1)
