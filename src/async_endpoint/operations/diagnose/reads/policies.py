"""What the policies of buckets, queues and functions allow and deny."""

from __future__ import annotations

import json
from typing import Any

OBJECTS = ("s3:getobject", "s3:putobject", "s3:listbucket")
"""The actions on a bucket that are the stage's work."""
MESSAGES = ("sqs:sendmessage",)
"""The action on a queue that feeds it."""
INVOKE = ("lambda:invokefunction",)
"""The action on a function that runs it."""

# A denial under one of these is about how a request comes, not about who may read or write.
_TRANSPORT = frozenset({"aws:securetransport", "s3:tlsversion"})


def denials_of(policy: str, work: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the statements of a policy that deny one of the actions, other than those without TLS."""
    found = []
    for statement in _statements(policy, "Deny", work):
        keys = {key.lower() for condition in statement.get("Condition", {}).values() for key in condition}
        if not keys or keys - _TRANSPORT:
            found.append(json.dumps(statement, sort_keys=True))
    return tuple(found)


def allows(policy: str, work: tuple[str, ...]) -> bool:
    """Returns whether a policy allows anybody one of the actions; a denial under a condition leaves others."""
    denies_all = any(not statement.get("Condition") for statement in _statements(policy, "Deny", work))
    return bool(_statements(policy, "Allow", work)) and not denies_all


def _statements(policy: str, effect: str, work: tuple[str, ...]) -> list[dict[str, Any]]:
    found = json.loads(policy).get("Statement", [])
    statements = found if isinstance(found, list) else [found]
    return [each for each in statements if each.get("Effect") == effect and _touches(each, work)]


def _touches(statement: dict[str, Any], work: tuple[str, ...]) -> bool:
    actions = statement.get("Action", [])
    for action in [actions] if isinstance(actions, str) else actions:
        lowered = action.lower()
        if lowered == "*" or lowered in work:
            return True
        if lowered.endswith("*") and any(each.startswith(lowered[:-1]) for each in work):
            return True
    return False
