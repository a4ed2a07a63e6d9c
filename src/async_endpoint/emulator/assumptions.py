"""What AWS leaves open about asynchronous endpoints, as switches: each default is the documented or the harder case.

`async-endpoint local start --assume NAME=VALUE` sets one; docs/local-aws.md says what is known of each.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Assumptions:
    """One field for each point that nobody's evidence settles.

    Attributes:
        backlog: Whether ApproximateBacklogSize counts requests in flight (the documentation) or only those that wait
            (two reports from the field).
        backlog_per_instance_at_zero: Whether ApproximateBacklogSizePerInstance is missing at zero instances (field) or
            the whole backlog (documentation).
        failure_location: Where an error notification tells the failure's location.
    """

    backlog: Literal["in-flight", "queued"] = "in-flight"
    backlog_per_instance_at_zero: Literal["missing", "backlog"] = "missing"
    failure_location: Literal["responseParameters", "top-level", "absent"] = "responseParameters"
