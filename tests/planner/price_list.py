"""A small price list in the structure that AWS documents; nothing of it was read from AWS.

The structure: https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html
SKUs, codes and the version are invented. So are all prices but two, which public projects quote: those of
USE1-Host:ml.g4dn.xlarge and USE1-Host:ml.g5.xlarge.
"""

from typing import Any

JsonObject = dict[str, Any]


def product(sku: str, usage_type: str, component: str = "Hosting", **others: Any) -> JsonObject:
    """A product of the offer; other members replace those of the product or its attributes."""
    family = others.pop("productFamily", "ML Instance")
    attributes = {
        "servicecode": "AmazonSageMaker",
        "location": "US East (N. Virginia)",
        "locationType": "AWS Region",
        "instanceName": usage_type.partition(":")[2],
        "usagetype": usage_type,
        "operation": "RunInstance",
        "component": component,
        "regionCode": "us-east-1",
        "servicename": "Amazon SageMaker",
    } | others
    return {"sku": sku, "productFamily": family, "attributes": attributes}


def offer(sku: str, *prices: str, unit: str = "Hrs", currency: str = "USD") -> JsonObject:
    """The on-demand terms of a SKU, with a price dimension for each price."""
    term = f"{sku}.JRTCKXETXF"
    dimensions = {
        f"{term}.{index}": {
            "rateCode": f"{term}.{index}",
            "description": f"${price} per hour",
            "beginRange": "0",
            "endRange": "Inf",
            "unit": unit,
            "pricePerUnit": {currency: price},
            "appliesTo": [],
        }
        for index, price in enumerate(prices)
    }
    return {
        term: {
            "offerTermCode": "JRTCKXETXF",
            "sku": sku,
            "effectiveDate": "2026-10-01T00:00:00Z",
            "priceDimensions": dimensions,
            "termAttributes": {},
        }
    }


def price_list() -> JsonObject:
    """Hosting, asynchronous inference, notebooks and storage of us-east-1, and one type in eu-west-1."""
    products = [
        product("HOST4", "USE1-Host:ml.g4dn.xlarge"),
        product("NOTEBOOK4", "USE1-Notebk:ml.g4dn.xlarge", "Notebook"),
        product("STUDIO4", "USE1-Host:ml.g4dn.xlarge", "Studio-Notebook"),
        product("HOST5", "USE1-Host:ml.g5.xlarge"),
        product("ASYNC5", "USE1-AsyncInf:ml.g5.xlarge", "AsyncInf"),
        product("TIERS", "USE1-Host:ml.m5.xlarge"),
        product("EURO", "USE1-Host:ml.c5.xlarge"),
        product("FREE", "USE1-Host:ml.t2.medium"),
        product("STORAGE", "USE1-Host:VolumeUsage.gp2", productFamily="ML Storage"),
        product("EUROPE", "EU-Host:ml.g5.xlarge", regionCode="eu-west-1"),
    ]
    prices = {
        "HOST4": offer("HOST4", "0.7364000000"),
        "NOTEBOOK4": offer("NOTEBOOK4", "9.9"),
        "STUDIO4": offer("STUDIO4", "9.9"),
        "HOST5": offer("HOST5", "1.4084000000"),
        "ASYNC5": offer("ASYNC5", "1.5000000000"),
        "TIERS": offer("TIERS", "0.23", "0.21"),
        "EURO": offer("EURO", "0.2", currency="EUR"),
        "FREE": offer("FREE", "0.0000000000"),
        "STORAGE": offer("STORAGE", "0.14", unit="GB-Mo"),
        "EUROPE": offer("EUROPE", "1.6"),
    }
    return {
        "formatVersion": "v1.0",
        "disclaimer": "This pricing list is for informational purposes only.",
        "offerCode": "AmazonSageMaker",
        "version": "20261004000000",
        "publicationDate": "2026-10-04T00:00:00Z",
        "products": {each["sku"]: each for each in products},
        "terms": {"OnDemand": prices, "Reserved": {"HOST4": offer("HOST4", "0.5")}},
        "attributesList": {},
    }
