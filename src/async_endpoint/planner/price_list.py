"""Instance prices from a price list file of AWS, the offer AmazonSageMaker of one region or of all.

`products` has the attributes of each SKU, `terms.OnDemand` its prices:
https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html
"""

from __future__ import annotations

import itertools
import json
import math
import re
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from async_endpoint.planner.errors import PlanError
from async_endpoint.planner.json_stream import JsonStream, JsonStreamError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

OFFER = "AmazonSageMaker"
ASYNC, HOST = "AsyncInf", "Host"
_FAMILY, _COMPONENT = "ML Instance", "Hosting"
_USAGE_TYPE = re.compile(rf"(?:[A-Z0-9]+-)?({ASYNC}|{HOST}):(ml\.[a-z0-9-]+\.[a-z0-9-]+)")
_HOURS = {"hrs", "hours"}


@dataclass(frozen=True, order=True)
class ListedPrice:
    """The price of an instance type in a region.

    Attributes:
        region: The region's code.
        instance_type: Such as `ml.g5.xlarge`.
        usd_an_hour: On demand.
        usage_type: As the list has it.
        kind: `AsyncInf`, or `Host` where asynchronous inference has no price.
        source: The list, its version, and the SKU.
    """

    region: str
    instance_type: str
    usd_an_hour: float
    usage_type: str
    kind: str
    source: str


@dataclass(frozen=True)
class PriceList:
    """What was read from a file.

    Attributes:
        published: The list's publication date.
        prices: By region and type, in that order.
        without_price: Region and type of what is listed without one clear price.
    """

    published: date
    prices: tuple[ListedPrice, ...]
    without_price: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Product:
    region: str
    instance_type: str
    kind: str
    usage_type: str


@dataclass
class _Read:
    """What one pass over a file has found."""

    head: dict[str, Any] = field(default_factory=dict)
    products: dict[str, _Product] = field(default_factory=dict)  # by SKU
    prices: dict[str, set[float]] = field(default_factory=dict)  # by SKU
    terms_came_first: bool = False
    without_region: int = 0


def read_price_list(path: Path) -> PriceList:
    """Reads the on-demand prices of instances that serve endpoints; the file may be larger than the memory.

    For each region and type, the usage type of asynchronous inference (`AsyncInf:ml.…`) comes first, then that of
    hosting (`Host:ml.…`). A type with several prices, or with none in USD, is named and not guessed.

    Raises:
        PlanError: The file cannot be read, or is no price list of AmazonSageMaker with a price in it.
    """
    try:
        found = _read(path, _Read())
        if found.terms_came_first:
            found = _read(path, _Read(products=found.products))
    except OSError as error:
        raise PlanError(f"{path} cannot be read: {error.strerror}.") from error
    except (JsonStreamError, UnicodeDecodeError) as error:
        raise PlanError(f"{path} is no price list of AWS: {error}.") from error
    if found.head.get("offerCode") != OFFER:
        offer = found.head.get("offerCode")
        instead = f"it is of the offer {offer}" if offer else "it has no offerCode"
        raise PlanError(f"{path} is no price list of {OFFER}: {instead}; take index.json of that offer and a region.")
    if not found.products:
        reason = "none of its products has a regionCode" if found.without_region else "no product of it is one"
        raise PlanError(
            f"{path} has no instance for endpoints: {reason} (productFamily {_FAMILY}, usagetype {ASYNC}:ml.… or "
            f"{HOST}:ml.…)."
        )
    listed = _choose(found)
    if not listed.prices:
        raise PlanError(f"{path} has no price in USD an hour of any instance for endpoints in its terms.OnDemand.")
    return listed


def price_table(lists: Iterable[PriceList]) -> str:
    """Returns the text of a table that `read_prices` reads; it is as old as the oldest list.

    Raises:
        PlanError: Two lists have the same type in the same region.
    """
    lists = list(lists)
    rows = sorted(each for listed in lists for each in listed.prices)
    for one, other in itertools.pairwise(rows):
        if (one.region, one.instance_type) == (other.region, other.instance_type):
            raise PlanError(f"{one.instance_type} in {one.region} is in two of the price lists: name one of them.")
    head = [
        "# Prices of instances in USD an hour, on demand, which `async-endpoint prices` read from price lists of AWS.",
        "# usage_type says whether a price is that of asynchronous inference (AsyncInf) or of hosting (Host).",
        f"dated = {min(each.published for each in lists).isoformat()}",
    ]
    return "\n".join([*head, *(_row(each) for each in rows)]) + "\n"


def _row(price: ListedPrice) -> str:
    texts = {
        "region": price.region,
        "type": price.instance_type,
        "usage_type": price.usage_type,
        "source": price.source,
        "quality": "listed",
    }
    # Strings of JSON are strings of TOML, once DEL is escaped.
    quoted = {name: json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f") for name, text in texts.items()}
    lines = [f"{name} = {text}" for name, text in quoted.items()]
    return "\n".join(["", "[[instances]]", *lines[:2], f"usd_an_hour = {price.usd_an_hour!r}", *lines[2:]])


def _read(path: Path, into: _Read) -> _Read:
    with path.open(encoding="utf-8") as file:
        stream = JsonStream(file)
        for name in stream.members():
            if name == "products":
                _read_products(stream, into)
            elif name == "terms":
                into.terms_came_first = not into.products
                _read_terms(stream, into)
            elif name in {"offerCode", "version", "publicationDate"}:
                into.head[name] = stream.value()
            else:
                stream.skip()
    return into


def _read_products(stream: JsonStream, into: _Read) -> None:
    for sku in stream.members():
        product = stream.value()
        attributes = product.get("attributes") if isinstance(product, dict) else None
        if not isinstance(attributes, dict) or product.get("productFamily") != _FAMILY:
            continue
        usage_type = str(attributes.get("usagetype"))
        match = _USAGE_TYPE.fullmatch(usage_type)
        # Other components, such as notebooks, have the same instances at other prices.
        if match is None or (match[1] == HOST and attributes.get("component") != _COMPONENT):
            continue
        region = attributes.get("regionCode")
        if not isinstance(region, str) or not region:
            into.without_region += 1
            continue
        into.products[sku] = _Product(region, match[2], match[1], usage_type)


def _read_terms(stream: JsonStream, into: _Read) -> None:
    for term in stream.members():
        if term != "OnDemand":
            stream.skip()
            continue
        for sku in stream.members():
            offers = stream.value()
            if sku in into.products:
                into.prices[sku] = set(_hourly_prices(offers))


def _hourly_prices(offers: Any) -> Iterable[float]:
    """Yields the prices in USD an hour of a SKU's on-demand terms."""
    for offer in _values(offers):
        for dimension in _values(offer.get("priceDimensions")):
            if str(dimension.get("unit")).lower() not in _HOURS:
                continue
            try:
                usd = float(dimension["pricePerUnit"]["USD"])
            except (KeyError, TypeError, ValueError):
                continue
            if math.isfinite(usd) and usd > 0:
                yield usd


def _values(members: Any) -> Iterable[Mapping[str, Any]]:
    return (each for each in members.values() if isinstance(each, dict)) if isinstance(members, dict) else ()


def _choose(found: _Read) -> PriceList:
    """Returns one price for each region and type: that of asynchronous inference, or else that of hosting."""
    published = _published(found.head)
    version = str(found.head.get("version", "unknown"))
    known: dict[tuple[str, str], dict[str, set[tuple[float, str, str]]]] = {}
    for sku, product in found.products.items():
        kinds = known.setdefault((product.region, product.instance_type), {ASYNC: set(), HOST: set()})
        kinds[product.kind] |= {(usd, product.usage_type, sku) for usd in found.prices.get(sku, ())}
    prices, without = [], []
    for (region, instance_type), kinds in sorted(known.items()):
        kind = next((each for each in (ASYNC, HOST) if len({usd for usd, _, _ in kinds[each]}) == 1), None)
        if kind is None:
            without.append((region, instance_type))
            continue
        usd, usage_type, sku = min(kinds[kind])
        source = f"AWS Price List, {OFFER}, version {version}, SKU {sku}"
        prices.append(ListedPrice(region, instance_type, usd, usage_type, kind, source))
    return PriceList(published, tuple(prices), tuple(without))


def _published(head: Mapping[str, Any]) -> date:
    text = str(head.get("publicationDate"))
    try:
        return date.fromisoformat(text[:10])
    except ValueError as error:
        raise PlanError(
            f"The price list has the publicationDate {text!r}, and a date such as 2026-10-04 is needed."
        ) from error
