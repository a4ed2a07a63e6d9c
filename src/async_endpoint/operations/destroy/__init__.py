"""Delete deployed stacks: look at what they hold, empty what AWS would refuse to delete, delete, and say what is left.

Knows boto3 and CloudFormation, and nothing of this project's stacks.
"""

from async_endpoint.operations.destroy.clients import Aws, TeardownError
from async_endpoint.operations.destroy.buckets import BucketContent
from async_endpoint.operations.destroy.deletion import Deadline, delete_stack
from async_endpoint.operations.destroy.inventory import Count, Resource, StackHoldings
from async_endpoint.operations.destroy.leftovers import surviving_log_groups
from async_endpoint.operations.destroy.survey import survey

__all__ = [
    "Aws",
    "BucketContent",
    "Count",
    "Deadline",
    "Resource",
    "StackHoldings",
    "TeardownError",
    "delete_stack",
    "survey",
    "surviving_log_groups",
]
