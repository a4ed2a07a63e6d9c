"""Classifies the reasons that AWS, SageMaker and the model give for a failure.

Sources: docs/evidence.md; the texts of other services are those of their API references.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from async_endpoint.operations.diagnose.rules.words import show_log
from async_endpoint.protocol import JobState

_TEXT = re.IGNORECASE


@dataclass(frozen=True)
class Kind:
    """A kind of failure.

    Attributes:
        cause: The name of the finding.
        text: What it means, as a sentence.
        advice: What mends it, as a sentence or command; `{label}`, `{endpoint}` and `{job}` are replaced.
        runbook: The heading of docs/operations.md.
        pattern: What its reasons contain.
    """

    cause: str
    text: str
    advice: str
    runbook: str
    pattern: re.Pattern[str]


def _kind(cause: str, text: str, advice: str, runbook: str, pattern: str) -> Kind:
    return Kind(cause, text, advice, runbook, re.compile(pattern, _TEXT))


_LOG = show_log("/aws/sagemaker/Endpoints/{endpoint}")

# The first that fits counts: the narrow before the wide.
KINDS = (
    _kind(
        "no-capacity",
        "AWS has no instance of this type at the moment.",
        "Name other types in endpoint.fallback_instance_types and deploy, or try again later: scaling does by itself.",
        "requests-wait-and-no-instance-comes",
        r"InsufficientInstanceCapacity|insufficient.{0,20}capacity|Unable to provision|no capacity",
    ),
    _kind(
        "quota",
        "The account's quota allows no further instance of this type.",
        "aws service-quotas list-service-quotas --service-code sagemaker "
        "--query \"Quotas[?contains(QuotaName, 'endpoint usage')].[QuotaName,QuotaCode,Value]\" --output table",
        "requests-wait-and-no-instance-comes",
        r"ResourceLimitExceeded|service limit|account-level|quota",
    ),
    _kind(
        "permission-missing",
        "A role lacks a permission.",
        "Deploy again, which restores roles and policies: make deploy. Look for an SCP or a boundary if it comes back.",
        "notifications-or-uploads-fail",
        r"AccessDenied|access denied|not authorized|The provided role|Could not access model data|\(403\)",
    ),
    _kind(
        "out-of-memory",
        "The model runs out of memory.",
        "Lower serving.batch_size or choose a larger endpoint.instance_type, then deploy: make deploy",
        "requests-fail",
        r"out of memory|OutOfMemory|MemoryError|CUDA.{0,10}OOM|\bOOM\b|oom.?kill|Cannot allocate memory",
    ),
    _kind(
        "worker-died",
        "The model's worker died while it processed a request.",
        _LOG,
        "requests-fail",
        r"\(507\)|worker (?:process )?(?:died|disconnected)|SIGKILL|process.{0,20}(?:was )?killed|lost instance"
        r"|instance.{0,40}(?:was lost|terminated|stopped|died)",
    ),
    _kind(
        "content-type",
        "Documents have a content type that the model does not take.",
        "Upload with the right Content-Type, or name the file by its format; then: async-endpoint retry JOB {label}",
        "requests-fail",
        r"\(415\)|unsupported (?:media|content).?type|content.?type",
    ),
    _kind(
        "model-too-slow",
        "The model takes longer than an invocation may.",
        "Raise serving.timeout_seconds, or lower serving.batch_size, then deploy: make deploy",
        "requests-wait-too-long",
        r"timed out|timeout|\(504\)|\(408\)|took longer|not (?:answer|respond) within",
    ),
    _kind(
        "expired",
        "Requests expired: they waited longer than their time to live.",
        "async-endpoint redrive --state EXPIRED --since 1d {label}",
        "requests-expire",
        r"expired|time to live|TTL",
    ),
    _kind(
        "input-missing",
        "Documents are gone from S3 before they are read.",
        "Raise data.input_expiration_days, or keep uploads until their jobs end; then upload the documents again.",
        "requests-fail",
        r"NoSuchKey|NoSuchBucket|does not exist|deleted before|overwritten",
    ),
    _kind(
        "documents-rejected",
        "The model rejects documents: they are at fault, not the endpoint.",
        "async-endpoint jobs --state FAILED {label}",
        "requests-fail",
        r"client error|\(4\d\d\)|is empty|folder marker|uploaded (?:as a form|with Content-Encoding)|cannot be read",
    ),
    _kind(
        "model-fails",
        "The model fails on requests.",
        _LOG,
        "requests-fail",
        r"server error|\(5\d\d\)",
    ),
)
OTHER = _kind("requests-fail", "Requests fail.", "async-endpoint jobs --state FAILED {label}", "requests-fail", r"")


def classify(reason: str) -> Kind:
    """Returns the kind of a failure."""
    return next((kind for kind in KINDS if kind.pattern.search(reason)), OTHER)


def classify_ended(state: str, reason: str) -> Kind:
    """Returns the kind of a failure, from the state of its job as well.

    A request expires in the queue, by its time to live, or while it is processed, by its time limit.
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointAsync.html
    """
    kind = classify(reason)
    return kind if state != JobState.EXPIRED or kind.cause == "model-too-slow" else of_cause("expired")


def of_cause(cause: str) -> Kind:
    """Returns the kind with that cause."""
    return next((kind for kind in KINDS if kind.cause == cause), OTHER)
