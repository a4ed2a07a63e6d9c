"""The shape of a route below `/_local/`, the paths that are the local AWS's own."""

from collections.abc import Callable, Mapping

PREFIX = "/_local/"

Answer = tuple[int, dict[str, str], bytes]  # status, headers, body
Route = Callable[[str, str, Mapping[str, str], bytes], Answer]  # method, path, query, body
