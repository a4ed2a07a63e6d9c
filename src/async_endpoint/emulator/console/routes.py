"""The local AWS's own pages below `/_local/`: its endpoints, one endpoint over time, and the same as JSON.

Rendered here, without scripts, from the current state of a region's objects. Whatever comes from users (keys, ids,
results) is escaped text, and a policy in the headers lets the browser load only our style sheet and S3's pictures. The
one thing that a page can change is that a document is submitted again, by a form with a token.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from http import HTTPStatus
from importlib import resources
from urllib.parse import parse_qsl, quote, unquote, urlencode

from async_endpoint.clock import ScaledClock
from async_endpoint.emulator.api.region_services import RegionServices
from async_endpoint.emulator.console.endpoint import endpoint_values
from async_endpoint.emulator.console.overview import (
    Json,
    empty_overview,
    overview,
    regions_with_endpoints,
)
from async_endpoint.emulator.console.pictures import Pictures, picture
from async_endpoint.emulator.console.rendering import render
from async_endpoint.emulator.console.retries import NotRetried, RetryForm
from async_endpoint.emulator.local_routes import PREFIX, Response, RouteTable

_REFRESH_SECONDS = 2
_RETRY = "retry"
_STILL = {"refresh": "0"}
_MAX_DIGITS = 18  # of a document's number: int() rejects thousands of them
_HTML = "text/html; charset=utf-8"
_STATIC = {"style.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}
_POLICY = (
    "default-src 'none'; img-src 'self'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": _POLICY,
    # With no-referrer, browsers would send the Origin "null" with the form, by which no page could be told from others.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}

Query = Mapping[str, str]


class PageNotFound(Exception):
    """There is no such page; the message is a sentence about what is missing."""


class Pages:
    """Responds to requests for pages.

    Args:
        regions: Returns the regions so far.
        clock: AWS's clock.
        form: The form that submits documents again.
        instance_price: USD for an hour of one instance; None shows no money.
    """

    def __init__(
        self,
        regions: Callable[[], Sequence[RegionServices]],
        clock: ScaledClock,
        *,
        form: RetryForm | None = None,
        instance_price: float | None = None,
    ) -> None:
        self._regions = regions
        self._clock = clock
        self._pictures = Pictures()
        self._form = form or RetryForm()
        self._instance_price = instance_price

    def add_routes(self, table: RouteTable) -> None:
        """Adds the route of every page."""
        for name in ("", "overview", "endpoints", "documents", *_STATIC):
            table.add_route(name, self.handle)
        table.add_route(_RETRY, self.handle, forms=True)

    def handle(self, method: str, path: str, query: Query, body: bytes) -> Response:
        """Returns the response to one request; it may read S3, so call it in a thread of its own."""
        is_retry = path == f"{PREFIX}{_RETRY}"
        if is_retry and method == "POST":
            return self._retry(body)
        if is_retry or method not in ("GET", "HEAD"):
            return _response(HTTPStatus.METHOD_NOT_ALLOWED, "text/plain", f"{method} changes nothing here.\n")
        try:
            return self._response(path, query)
        except PageNotFound as error:
            return self._page("not_found.html", query, status=HTTPStatus.NOT_FOUND, reason=str(error))

    def _response(self, path: str, query: Query) -> Response:
        name, _, rest = path.removeprefix(PREFIX).partition("/")
        match name:
            case "":
                return self._index(query)
            case "endpoints":
                return self._endpoint(unquote(rest), query)
            case "documents":
                return self._picture(rest, query)
            case "overview":
                return _response(HTTPStatus.OK, "application/json", json.dumps(self._overview(query)))
            case _ if name in _STATIC:
                return _response(HTTPStatus.OK, _STATIC[name], _static(name))
        raise PageNotFound(f"There is nothing at {path}.")

    def _retry(self, body: bytes) -> Response:
        """Submits a document again, and leads back to the page with the button."""
        back = ""
        try:
            fields = self._form.read(body)
            name, place = fields.get("endpoint", ""), dict(parse_qsl(fields.get("back", "")))
            back = f"{PREFIX}endpoints/{quote(name)}?{urlencode(place)}"
            self._form.submit(self._region(place), name, fields.get("job", ""))
        except NotRetried as error:
            return self._page("not_retried.html", _STILL, status=HTTPStatus.CONFLICT, reason=str(error), back=back)
        status, headers, empty = _response(HTTPStatus.SEE_OTHER, "text/plain", "")
        return status, headers | {"location": back}, empty

    def _overview(self, query: Query) -> Json:
        """Returns the overview of one region, by default the first, and the regions that have endpoints."""
        region = self._region(query)
        found = empty_overview(query.get("region", ""), self._clock) if region is None else overview(region)
        return found | {"regions": regions_with_endpoints(self._regions())}

    def _index(self, query: Query) -> Response:
        regions = sorted(self._regions(), key=lambda region: (region.name, region.account))
        return self._page(
            "index.html",
            query,
            regions=[overview(region) for region in regions],
            endpoint_link=partial(_endpoint_link, query),
        )

    def _endpoint(self, name: str, query: Query) -> Response:
        for region in self._regions():
            if not _matches(region, query) or region.sagemaker.endpoint(name) is None:
                continue
            endpoint = next((item for item in overview(region)["endpoints"] if item["name"] == name), None)
            if endpoint is not None:
                values = endpoint_values(region, endpoint, query, self._pictures)
                place = dict(query) | {"region": region.name, "account": region.account}
                return self._page(
                    "endpoint.html",
                    query,
                    **values,
                    token=self._form.token,
                    back=urlencode(place),
                    instance_price=self._instance_price,
                )
        raise PageNotFound(f"There is no endpoint {name} in {query.get('region', 'any region')}.")

    def _picture(self, number: str, query: Query) -> Response:
        region = self._region(query)
        is_number = number.isdecimal() and len(number) <= _MAX_DIGITS
        document = region.history.find(int(number)) if region is not None and is_number else None
        found = None if region is None or document is None else picture(region.clients, document)
        if found is None:
            raise PageNotFound("There is no such picture.")
        media_type, body = found
        # The page is loaded again every two seconds; a picture never changes at its path.
        headers = _HEADERS | {"content-type": media_type, "cache-control": "private, max-age=3600"}
        return HTTPStatus.OK, headers, body

    def _page(self, template: str, query: Query, *, status: HTTPStatus = HTTPStatus.OK, **values: object) -> Response:
        speed = "in real time" if self._clock.speed == 1 else f"{self._clock.speed:g} times as fast as the wall's"
        layout = {
            "now": self._clock.now(),
            "speed": speed,
            "refreshing": query.get("refresh") != "0",
            "refresh_seconds": _REFRESH_SECONDS,
            "link": partial(_link, query),
            "all_alarms": query.get("alarms") == "all",
        }
        return _response(status, _HTML, render(template, **layout, **values))

    def _region(self, query: Query) -> RegionServices | None:
        return next((region for region in self._regions() if _matches(region, query)), None)


def _matches(region: RegionServices, query: Query) -> bool:
    wanted = (query.get("region", region.name), query.get("account", region.account))
    return (region.name, region.account) == wanted


def _link(query: Query, **changes: str) -> str:
    """Returns a link to the same page with other parameters; an empty one is left out."""
    return "?" + urlencode({name: value for name, value in {**query, **changes}.items() if value})


def _endpoint_link(query: Query, region: Json, name: str) -> str:
    """Returns the link to an endpoint's page; it refreshes, or not, as this page does."""
    parameters = {"region": region["region"], "account": region["account"]}
    if "refresh" in query:
        parameters["refresh"] = query["refresh"]
    return f"{PREFIX}endpoints/{quote(name)}?{urlencode(parameters)}"


@cache
def _static(name: str) -> str:
    return resources.files("async_endpoint.emulator.console").joinpath(name).read_text(encoding="utf-8")


def _response(status: HTTPStatus, content_type: str, text: str) -> Response:
    return status, _HEADERS | {"content-type": content_type}, text.encode()
