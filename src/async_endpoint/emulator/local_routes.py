"""The shape of a route below `/_local/`, the paths that are the local AWS's own."""

from collections.abc import Callable, Mapping
from typing import Protocol

PREFIX = "/_local/"

Answer = tuple[int, dict[str, str], bytes]  # status, headers, body
Route = Callable[[str, str, Mapping[str, str], bytes], Answer]  # method, path, query, body


class RouteTable(Protocol):
    """What routes are added to; `server.gateway` has the one that answers."""

    def add_route(self, name: str, route: Route) -> None:
        """Have `/_local/NAME` and all below it answered by a route, in a thread."""
