"""The pages' routes: what each one serves, that it loads nothing from elsewhere, and that nothing can be changed."""

import http.client
import json
import uuid
from typing import Any
from urllib.parse import parse_qsl

import pytest

from async_endpoint.emulator.console.routes import Pages
from tests.emulator.conftest import Running
from tests.emulator.console.pages import ENDPOINT, HOSTILE, SHOWN, TAGS, Read, filled, page, pages
from tests.emulator.fakes import REGION, START, FakeRegion, endpoint_config, eventually, model
from tests.emulator.hosting.test_history import sampled


def test_the_first_page_lists_the_endpoints_of_every_region_and_links_to_them(region: FakeRegion) -> None:
    filled(region)
    read = page(region, "/_local/")
    assert f"Endpoints in {REGION}" in read.text
    assert "Other alarms" in read.text
    (address,) = [address for address in read.addresses if "/endpoints/" in address]
    path, _, query = address.partition("?")
    status, _, body = pages(region).handle("GET", path, dict(parse_qsl(query)), b"")
    assert status == 200
    assert "Queue: 1 waiting" in Read(body.decode()).text


def test_the_first_page_says_when_there_was_no_request_yet() -> None:
    status, _, body = pages().handle("GET", "/_local/", {}, b"")
    assert status == 200
    assert b"No request yet." in body


def test_it_is_loaded_again_every_two_seconds_unless_switched_off(region: FakeRegion) -> None:
    refreshing, still = page(region, span="30"), page(region, span="30", refresh="0")
    assert {"http-equiv": "refresh", "content": "2"} in refreshing.all("meta")
    assert not [attributes for attributes in still.all("meta") if "http-equiv" in attributes]
    assert "?span=30&refresh=0" in refreshing.addresses
    assert "?span=30" in still.addresses


def test_everything_that_it_loads_or_leads_to_is_its_own(region: FakeRegion) -> None:
    filled(region)
    for read in (page(region), page(region, "/_local/")):
        assert [address for address in read.addresses if not address.startswith(("/_local/", "?"))] == []
    for name in ("style.css", "icon.svg"):
        status, _, body = pages(region).handle("GET", f"/_local/{name}", {}, b"")
        assert status == 200
        assert b"url(" not in body
        assert b"import" not in body


@pytest.mark.parametrize(
    "path", ["/_local/", ENDPOINT, "/_local/endpoints/none", "/_local/overview", "/_local/documents/1"]
)
def test_every_response_forbids_scripts_and_guessing_of_types(region: FakeRegion, path: str) -> None:
    _, headers, _ = pages(region).handle("GET", path, {}, b"")
    assert headers["content-security-policy"].startswith("default-src 'none'; img-src 'self'; style-src 'self';")
    assert headers["x-content-type-options"] == "nosniff"


def test_an_unknown_page_is_not_found_and_its_name_is_text(region: FakeRegion) -> None:
    read = page(region, f"/_local/endpoints/{HOSTILE}", status=404, region=HOSTILE)
    assert f"There is no endpoint {SHOWN} in {SHOWN}." in read.text
    assert {tag for tag, _ in read.elements} <= TAGS


def test_the_pages_are_read_only(region: FakeRegion) -> None:
    assert pages(region).handle("POST", ENDPOINT, {}, b"{}")[0] == 405
    assert pages(region).handle("HEAD", ENDPOINT, {}, b"")[0] == 200


def test_the_overview_is_that_of_the_region_that_was_asked_for(region: FakeRegion) -> None:
    def asked(**query: str) -> Any:
        return json.loads(pages(region).handle("GET", "/_local/overview", query, b"")[2])

    assert [endpoint["name"] for endpoint in asked(region=REGION)["endpoints"]] == ["receipts"]
    assert asked(region="eu-west-3")["endpoints"] == asked(region=REGION, account="1")["endpoints"] == []
    assert asked(region="eu-west-3")["regions"] == [REGION]


def test_the_running_local_aws_serves_the_pages_of_its_endpoints(running: Running) -> None:
    name, region = f"page-{uuid.uuid4()}", "eu-north-1"
    sagemaker = running.client("sagemaker", region)
    sagemaker.create_model(**model(name))
    sagemaker.create_endpoint_config(**endpoint_config(name, name))
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)

    def get(path: str) -> str:
        connection = http.client.HTTPConnection("localhost", running.local.port, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    eventually(lambda: ">Failed<" in get(f"/_local/endpoints/{name}"), "the endpoint has failed, on its page")
    reason = sagemaker.describe_endpoint(EndpointName=name)["FailureReason"]
    assert reason in Read(get(f"/_local/endpoints/{name}?region={region}")).text
    assert name in get("/_local/")
    assert name in [endpoint["name"] for endpoint in json.loads(get(f"/_local/overview?region={region}"))["endpoints"]]
    assert "--waiting" in get("/_local/style.css")


def test_money_is_shown_for_a_price_that_the_user_gave_and_hours_without_one(region: FakeRegion) -> None:
    sampled(region.history, START, instances=2)
    sampled(region.history, START + 5400, instances=0)

    def tile(price: float | None) -> str:
        shown = Pages(lambda: [region], region.clock, instance_price=price).handle("GET", ENDPOINT, {}, b"")[2].decode()
        (found,) = [line for line in shown.splitlines() if "instance time" in line or "an hour" in line]
        return found

    assert "<dt>instance time</dt><dd>3 h</dd>" in tile(None)
    assert "<dt>3 h at USD 0.736 an hour</dt><dd>USD 2.21</dd>" in tile(0.736)
    assert "<dt>3 h at USD 0.0 an hour</dt><dd>USD 0.00</dd>" in tile(0.0)
