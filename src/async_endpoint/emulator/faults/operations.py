"""The operations of the services that can fail, from botocore's service models, and which of them a request calls.

A call of DynamoDB, SQS or SNS names its operation. One of S3 does not: its operation follows from the method, the path,
the query and a few headers.
"""

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from urllib.parse import parse_qsl

from botocore.model import OperationModel

from async_endpoint.emulator.service_models import operations

# Of S3's model, but sent to hosts that the local AWS does not have: S3 Express's control plane, and Object Lambda.
_OTHER_HOSTS = frozenset({"ListDirectoryBuckets", "WriteGetObjectResponse"})


@cache
def operation_names(service: str) -> frozenset[str]:
    """Returns the operations of a service whose calls can be told apart."""
    names = frozenset(model.name for model in operations(service))
    return names - _OTHER_HOSTS if service == "s3" else names


def nearest(name: str, known: Collection[str]) -> str:
    """Returns a question that names the nearest of the known names, such as ` Did you mean PutObject?`, or nothing."""
    folded = {each.casefold(): each for each in sorted(known)}
    found = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return f" Did you mean {folded[found[0]]}?" if found else ""


def s3_operations(method: str, bucket: str, key: str, query: str, headers: Iterable[str]) -> frozenset[str]:
    """Returns the names of the operation that a request to S3 calls; several if the model has older names for it.

    Args:
        method: The request's method.
        bucket: The bucket; empty for none.
        key: The object's key; empty for none.
        query: The query string.
        headers: The names of the headers, in lower case.
    """
    given = dict(parse_qsl(query, keep_blank_values=True))
    sent = frozenset(headers)
    place = (bool(bucket), bool(bucket and key))
    fitting = [form for form in _s3_forms() if (form.method, form.place) == (method, place) and form.fits(given, sent)]
    most = max((form.strictness for form in fitting), default=0)
    return frozenset(form.name for form in fitting if form.strictness == most)


@dataclass(frozen=True)
class _Form:
    """What every request of one operation of S3 has.

    Attributes:
        place: Whether the request names a bucket, and an object.
        fixed: Parameters of the query with their value, "" for any.
        headers: Names of required headers, in lower case.
    """

    name: str
    method: str
    place: tuple[bool, bool]
    fixed: Mapping[str, str]
    headers: frozenset[str]

    @property
    def strictness(self) -> int:
        """How much the operation requires: a request calls the strictest one that it fits."""
        return len(self.fixed) + len(self.headers)

    def fits(self, query: Mapping[str, str], headers: frozenset[str]) -> bool:
        """Returns whether a request has all that the operation requires."""
        has_query = all(name in query and value in ("", query[name]) for name, value in self.fixed.items())
        return has_query and self.headers <= headers


@cache
def _s3_forms() -> tuple[_Form, ...]:
    return tuple(_form(model) for model in operations("s3") if model.name not in _OTHER_HOSTS)


def _form(model: OperationModel) -> _Form:
    path, _, literal = model.http["requestUri"].partition("?")
    fixed = dict(parse_qsl(literal, keep_blank_values=True))
    headers = set()
    shape = model.input_shape
    for member in shape.required_members if shape is not None else ():
        where = shape.members[member].serialization if shape is not None else {}
        if where.get("location") == "querystring":
            fixed[where["name"]] = ""
        elif where.get("location") == "header":
            headers.add(where["name"].lower())
    place = ("{Bucket}" in path, "{Key+}" in path)
    return _Form(model.name, model.http["method"], place, fixed, frozenset(headers))
