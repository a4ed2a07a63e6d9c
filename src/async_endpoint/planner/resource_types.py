"""What each type of resource costs, as far as a bill counts it: every type is listed, and others are not priced."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

UNKNOWN = "a type that a plan does not know"
_ENDPOINT = "AWS::SageMaker::Endpoint"


@dataclass(frozen=True)
class Billing:
    """How a bill treats a type.

    Attributes:
        counted: What of it is in the bill; empty if nothing is.
        missing: What of it costs money and is not in the bill; empty if nothing does.
    """

    counted: str = ""
    missing: str = ""

    @property
    def is_free(self) -> bool:
        """Whether resources of the type cost nothing."""
        return not (self.counted or self.missing)


_FREE = Billing()
# From the services' pricing pages. A new type of the stacks belongs in here: a test compares.
BILLING: Mapping[str, Billing] = {
    # Counted, some of them in part.
    "AWS::ApplicationAutoScaling::ScalingPolicy": Billing("the alarms of target tracking"),
    "AWS::CloudWatch::Alarm": Billing("its metrics, and the custom metrics that it reads"),
    "AWS::DynamoDB::Table": Billing("requests", "storage, backups and stream of the jobs table"),
    "AWS::Events::Rule": Billing("invocations of the functions that it starts"),
    "AWS::Lambda::Function": Billing("requests and duration"),
    "AWS::S3::Bucket": Billing("requests", "storage in S3, and data transfer"),
    "AWS::SNS::Topic": Billing("notifications of SageMaker"),
    "AWS::SQS::Queue": Billing("requests"),
    _ENDPOINT: Billing("instance hours", "volumes of the instances, and the data that they process"),
    # They cost money, and no price is here.
    "AWS::CloudWatch::CompositeAlarm": Billing(missing="composite alarms"),
    "AWS::CloudWatch::Dashboard": Billing(missing="dashboards"),
    "AWS::EC2::EIP": Billing(missing="public addresses"),
    "AWS::EC2::NatGateway": Billing(missing="hours and data of NAT gateways"),
    "AWS::EC2::VPCEndpoint": Billing(missing="hours and data of interface endpoints"),
    "AWS::KMS::Key": Billing(missing="KMS keys and their requests"),
    "AWS::Lambda::EventSourceMapping": Billing(missing="Lambda's own polling of queues and streams"),
    "AWS::Logs::LogGroup": Billing(missing="log data"),
    "AWS::SNS::Subscription": Billing(missing="deliveries by e-mail and HTTP"),
    "AWS::SecretsManager::Secret": Billing(missing="secrets"),
    # Free: permissions, configuration, and what is paid with another resource.
    "AWS::ApplicationAutoScaling::ScalableTarget": _FREE,
    "AWS::CDK::Metadata": _FREE,
    "AWS::EC2::InternetGateway": _FREE,
    "AWS::EC2::Route": _FREE,
    "AWS::EC2::RouteTable": _FREE,
    "AWS::EC2::SecurityGroup": _FREE,
    "AWS::EC2::SecurityGroupEgress": _FREE,
    "AWS::EC2::SecurityGroupIngress": _FREE,
    "AWS::EC2::Subnet": _FREE,
    "AWS::EC2::SubnetRouteTableAssociation": _FREE,
    "AWS::EC2::VPC": _FREE,
    "AWS::EC2::VPCGatewayAttachment": _FREE,
    "AWS::IAM::InstanceProfile": _FREE,
    "AWS::IAM::ManagedPolicy": _FREE,
    "AWS::IAM::Policy": _FREE,
    "AWS::IAM::Role": _FREE,
    "AWS::KMS::Alias": _FREE,
    "AWS::Lambda::Alias": _FREE,
    "AWS::Lambda::EventInvokeConfig": _FREE,
    "AWS::Lambda::Permission": _FREE,
    "AWS::Lambda::Version": _FREE,
    "AWS::S3::BucketPolicy": _FREE,
    "AWS::SNS::TopicPolicy": _FREE,
    "AWS::SQS::QueuePolicy": _FREE,
    "AWS::SSM::Parameter": _FREE,
    "AWS::SageMaker::EndpointConfig": _FREE,
    "AWS::SageMaker::Model": _FREE,
}


def unpriced_types(types: Iterable[str] | Mapping[str, int]) -> dict[str, str]:
    """Returns what costs money, or may, and is not in a bill: what is missing by the resource's type, sorted.

    Args:
        types: The type of every resource, or how many resources each type has.
    """
    counts = Counter(types)
    found = {kind: BILLING.get(kind, Billing(missing=UNKNOWN)).missing for kind in sorted(counts)}
    if (others := counts[_ENDPOINT] - 1) > 0:
        # A plan simulates the one asynchronous endpoint.
        found[_ENDPOINT] = f"{others} more, and {BILLING[_ENDPOINT].missing}"
    return {kind: missing for kind, missing in found.items() if missing}
