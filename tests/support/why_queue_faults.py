"""What goes wrong with the topics and the queues of a deployed stage, each undone afterwards."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.why_stage import Deployed, Fault, client

_TOPIC_SETTINGS = ("DisplayName", "KmsMasterKeyId", "Policy", "SignatureVersion", "TracingConfig")
_SUBSCRIPTION_SETTINGS = ("FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy")
_QUEUE_SETTINGS = (
    "DelaySeconds", "KmsMasterKeyId", "MaximumMessageSize", "MessageRetentionPeriod", "Policy",
    "ReceiveMessageWaitTimeSeconds", "RedrivePolicy", "SqsManagedSseEnabled", "VisibilityTimeout",
)  # fmt: skip


def unsubscribed(kind: str) -> Fault:
    @contextmanager
    def fault(deployed: Deployed) -> Iterator[None]:
        sns, topic = client("sns"), deployed.outputs[f"{kind}TopicArn"]
        queue = deployed.outputs["ResultsQueueUrl"].rpartition("/")[2]
        (own,) = (
            each
            for each in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
            if each["Endpoint"].endswith(f":{queue}")
        )
        sns.unsubscribe(SubscriptionArn=own["SubscriptionArn"])
        try:
            yield
        finally:
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=own["Endpoint"])

    return fault


def missing_topic(kind: str) -> Fault:
    @contextmanager
    def fault(deployed: Deployed) -> Iterator[None]:
        sns, topic = client("sns"), deployed.outputs[f"{kind}TopicArn"]
        attributes = _settable(sns.get_topic_attributes(TopicArn=topic)["Attributes"], _TOPIC_SETTINGS)
        subscribed = [
            (each, sns.get_subscription_attributes(SubscriptionArn=each["SubscriptionArn"])["Attributes"])
            for each in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        ]
        sns.delete_topic(TopicArn=topic)
        try:
            yield
        finally:
            sns.create_topic(Name=topic.rpartition(":")[2], Attributes=attributes)
            for each, settings in subscribed:
                sns.subscribe(
                    TopicArn=topic,
                    Protocol=each["Protocol"],
                    Endpoint=each["Endpoint"],
                    Attributes=_settable(settings, _SUBSCRIPTION_SETTINGS),
                )

    return fault


def missing_queue(kind: str) -> Fault:
    @contextmanager
    def fault(deployed: Deployed) -> Iterator[None]:
        sqs, url = client("sqs"), deployed.outputs[f"{kind}QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        sqs.delete_queue(QueueUrl=url)
        try:
            yield
        finally:
            sqs.create_queue(QueueName=url.rpartition("/")[2], Attributes=_settable(attributes, _QUEUE_SETTINGS))

    return fault


def _settable(attributes: dict[str, str], names: tuple[str, ...]) -> dict[str, str]:
    """Returns the attributes with which a topic, a queue or a subscription can be created again."""
    return {name: attributes[name] for name in names if attributes.get(name)}


def dead_letter(kind: str) -> Fault:
    @contextmanager
    def fault(deployed: Deployed) -> Iterator[None]:
        sqs, url = client("sqs"), deployed.outputs[f"{kind}DeadLettersUrl"]
        sqs.send_message(
            QueueUrl=url,
            MessageBody=json.dumps({"source": "aws.s3"}),
            MessageAttributes={"ERROR_CODE": {"DataType": "String", "StringValue": "NO_PERMISSIONS"}},
        )
        try:
            yield
        finally:
            sqs.purge_queue(QueueUrl=url)

    return fault


def queue_without(kind: str, attribute: str) -> Fault:
    """A queue without its policy, or without its DLQ."""

    @contextmanager
    def fault(deployed: Deployed) -> Iterator[None]:
        sqs, url = client("sqs"), deployed.outputs[f"{kind}QueueUrl"]
        before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[attribute])["Attributes"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={attribute: ""})
        try:
            yield
        finally:
            sqs.set_queue_attributes(QueueUrl=url, Attributes=before)

    return fault
