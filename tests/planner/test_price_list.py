"""Prices from a price list: which usage type is taken, what is named as missing, and what is no price list."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from async_endpoint.planner import ListedPrice, PlanError, PriceList, price_table, read_price_list, read_prices
from tests.planner.price_list import offer, price_list, product

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path, document: Any) -> PriceList:
    path = folder / "index.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document, indent=1), encoding="utf-8")
    return read_price_list(path)


def rejection(folder: Path, document: Any) -> str:
    with pytest.raises(PlanError) as rejected:
        read(folder, document)
    return str(rejected.value).replace(str(folder), "…")


def test_asynchronous_inference_comes_first_and_hosting_second(tmp_path: Path) -> None:
    source = "AWS Price List, AmazonSageMaker, version 20261004000000, SKU "
    found = read(tmp_path, price_list())
    assert found.published == date(2026, 10, 4)
    assert found.prices == (
        ListedPrice("eu-west-1", "ml.g5.xlarge", 1.6, "EU-Host:ml.g5.xlarge", "Host", source + "EUROPE"),
        ListedPrice("us-east-1", "ml.g4dn.xlarge", 0.7364, "USE1-Host:ml.g4dn.xlarge", "Host", source + "HOST4"),
        ListedPrice("us-east-1", "ml.g5.xlarge", 1.5, "USE1-AsyncInf:ml.g5.xlarge", "AsyncInf", source + "ASYNC5"),
    )


def test_what_has_no_clear_price_in_dollars_is_named(tmp_path: Path) -> None:
    assert read(tmp_path, price_list()).without_price == (
        ("us-east-1", "ml.c5.xlarge"),  # euros
        ("us-east-1", "ml.m5.xlarge"),  # two prices
        ("us-east-1", "ml.t2.medium"),  # nothing
    )


def test_hosting_is_taken_where_asynchronous_inference_has_no_price(tmp_path: Path) -> None:
    document = price_list()
    del document["terms"]["OnDemand"]["ASYNC5"]
    (price,) = (
        each
        for each in read(tmp_path, document).prices
        if each.instance_type == "ml.g5.xlarge" and each.region == "us-east-1"
    )
    assert (price.usd_an_hour, price.kind) == (1.4084, "Host")


def test_the_order_of_products_and_terms_does_not_matter(tmp_path: Path) -> None:
    document = price_list()
    reversed_document = dict(reversed(document.items()))
    assert list(reversed_document).index("terms") < list(reversed_document).index("products")
    assert read(tmp_path, reversed_document) == read(tmp_path, document)


def test_the_table_is_one_that_a_plan_reads(tmp_path: Path) -> None:
    listed = read(tmp_path, price_list())
    older = PriceList(
        date(2026, 9, 1), (ListedPrice("eu-west-3", "ml.g6.xlarge", 1.43, "u", "Host", 'a "b" \\ \x7f'),), ()
    )
    path = tmp_path / "prices.toml"
    path.write_text(price_table([listed, older]), encoding="utf-8")
    table = read_prices(path)
    assert table.dated == date(2026, 9, 1)
    price = table.instances["us-east-1", "ml.g5.xlarge"]
    assert (price.usd, price.usage_type, price.quality) == (1.5, "USE1-AsyncInf:ml.g5.xlarge", "listed")
    assert table.instances["eu-west-3", "ml.g6.xlarge"].source == 'a "b" \\ \x7f'
    assert len(table.instances) == 4


def test_the_same_type_of_the_same_region_is_in_one_list_only(tmp_path: Path) -> None:
    listed = read(tmp_path, price_list())
    with pytest.raises(PlanError, match=r"ml.g5.xlarge in eu-west-1 is in two of the price lists: name one of them\."):
        price_table([listed, listed])


def test_terms_in_other_units_are_no_price_of_an_hour(tmp_path: Path) -> None:
    document = price_list()
    document["terms"]["OnDemand"]["HOST4"] = offer("HOST4", "0.7364", unit="GB-Mo")
    assert ("us-east-1", "ml.g4dn.xlarge") in read(tmp_path, document).without_price


@pytest.mark.parametrize("broken", [None, [], {"x": None}, {"x": {"priceDimensions": {"y": {"unit": "Hrs"}}}}])
def test_terms_in_another_structure_are_no_price(tmp_path: Path, broken: Any) -> None:
    document = price_list()
    document["terms"]["OnDemand"]["HOST4"] = broken
    assert ("us-east-1", "ml.g4dn.xlarge") in read(tmp_path, document).without_price


def test_what_is_no_price_list_is_a_sentence(tmp_path: Path) -> None:
    begin = "…/index.json is no price list of AWS: "
    assert rejection(tmp_path, "<html>") == f"{begin}it is no JSON: '<' is where one of '{{' belongs."
    assert rejection(tmp_path, json.dumps(price_list())[:-500]).startswith(f"{begin}it is no JSON, or ends early: ")
    (tmp_path / "index.json").write_bytes(b'{"offerCode": "\xff"}')
    with pytest.raises(PlanError, match="is no price list of AWS: 'utf-8' codec"):
        read_price_list(tmp_path / "index.json")
    with pytest.raises(PlanError, match="cannot be read: No such file"):
        read_price_list(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"offerCode": "AmazonEC2"}, "it is of the offer AmazonEC2; take index.json of that offer"),
        ({"offerCode": None}, "it has no offerCode; take index.json"),
        ({"products": {}}, "has no instance for endpoints: no product of it is one (productFamily ML Instance"),
        ({"products": {"A": None, "B": {"attributes": 1}}}, "no product of it is one"),
        (
            {"products": {"A": product("A", "USE1-Host:ml.g5.xlarge", regionCode=None)}},
            "none of its products has a regionCode",
        ),
        (
            {"terms": {"OnDemand": {}}},
            "has no price in USD an hour of any instance for endpoints in its terms.OnDemand.",
        ),
        ({"publicationDate": "soon"}, "has the publicationDate 'soon', and a date such as 2026-10-04 is needed."),
        ({"products": []}, "it is no JSON: '[' is where one of '{' belongs"),
    ],
)
def test_a_list_that_lacks_something_is_a_sentence(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    assert message in rejection(tmp_path, price_list() | changed)
