"""The local AWS's own routes, below `/_local/`: their shape, and what they respond with."""

from collections.abc import Callable, Mapping
from typing import Protocol

PREFIX = "/_local/"

Response = tuple[int, dict[str, str], bytes]  # status, headers, body
Route = Callable[[str, str, Mapping[str, str], bytes], Response]  # method, path, query, body


class RouteTable(Protocol):
    """The routes of a server; `server.gateway.LocalGateway` is one."""

    def add_route(self, name: str, route: Route, *, forms: bool = False) -> None:
        """Serves `/_local/NAME` and every path below it by a route, in a thread.

        Args:
            name: The first part of the path.
            route: Responds to each request.
            forms: Whether a form of the local AWS's own pages may be posted to it.
        """
