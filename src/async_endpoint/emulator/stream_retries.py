"""What Lambda does with a batch of a stream: it is done, delivered again, halved, or given up.

Sources: the Lambda developer guide, "Using Lambda with Amazon DynamoDB": the lowest sequence number of a partial
response is the checkpoint, and what follows it is delivered again; a batch whose function raised is halved, which does
not count as a retry; retries and age are limited, and what exceeds a limit is given up. Open: whether a checkpoint
starts the count of retries again; here it does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

_WITHOUT_LIMIT = -1


@dataclass(frozen=True)
class Tries:
    """How the record at which a mapping is was delivered so far.

    Attributes:
        size: How many records a batch has from there.
        failures: How often that failed, halvings not included.
    """

    size: int
    failures: int = 0


@dataclass(frozen=True)
class Step:
    """What follows a delivery.

    Attributes:
        done: How many records the mapping moves on, those given up included.
        given_up: Why the batch is given up; None if it is not.
        tries: For the next delivery.
    """

    done: int
    given_up: str | None
    tries: Tries


@dataclass(frozen=True)
class RetryRules:
    """The settings of a mapping.

    Attributes:
        batch_size: How many records it delivers together.
        most_retries: How often it delivers a batch again; None without a limit.
        oldest_seconds: The age at which it gives a record up; None without a limit.
        halves: Whether it halves a batch whose function raised.
    """

    batch_size: int
    most_retries: int | None
    oldest_seconds: int | None
    halves: bool

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """Reads an event source mapping."""

        def limit(name: str) -> int | None:
            value = int(mapping.get(name) or _WITHOUT_LIMIT) if mapping.get(name) != 0 else 0
            return None if value == _WITHOUT_LIMIT else value

        return cls(
            batch_size=int(mapping.get("BatchSize", 100)),
            most_retries=limit("MaximumRetryAttempts"),
            oldest_seconds=limit("MaximumRecordAgeInSeconds"),
            # CloudFormation's booleans may be texts.
            halves=str(mapping.get("BisectBatchOnFunctionError", False)).lower() == "true",
        )

    def next_step(self, tries: Tries, *, length: int, first_failed: int | None, raised: bool, age: float) -> Step:
        """Returns what follows a delivery.

        Args:
            tries: How it was delivered so far.
            length: The number of records in the batch.
            first_failed: The index of the first record that failed; None if none did.
            raised: Whether the function raised.
            age: Seconds since the batch's first record was written.
        """
        if first_failed is None:
            return Step(length, None, Tries(self.batch_size))
        if first_failed > 0:
            return Step(first_failed, None, Tries(self.batch_size))
        if self.oldest_seconds is not None and age > self.oldest_seconds:
            return Step(length, "MaxRecordAgeExceeded", Tries(self.batch_size))
        if raised and self.halves and length > 1:
            return Step(0, None, Tries((length + 1) // 2, tries.failures))
        if self.most_retries is not None and tries.failures >= self.most_retries:
            return Step(length, "RetryAttemptsExhausted", Tries(self.batch_size))
        return Step(0, None, Tries(tries.size, tries.failures + 1))
