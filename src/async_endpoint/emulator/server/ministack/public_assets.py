"""What AWS publishes for every account: container images and Lambda layers of other accounts."""

import json
from collections.abc import Callable, Mapping
from typing import Any, cast

import ministack.app
from ministack.core.responses import get_account_id, get_region
from ministack.services import lambda_svc

from async_endpoint.emulator.local_routes import Response

DescribeImages = Callable[[str, str, Mapping[str, Any]], Response | None]  # account, region name, request


def add_public_images(describe: DescribeImages) -> None:
    """Serves ECR's DescribeImages by `describe(account, region, request)` wherever it returns a response.

    ministack takes every registry for the caller's own.
    """
    own = ministack.app.SERVICE_HANDLERS["ecr"]

    async def handle(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Response:
        if headers.get("x-amz-target", "").endswith(".DescribeImages"):
            response = describe(get_account_id(), get_region(), json.loads(body or b"{}"))
            if response is not None:
                return response
        return cast("Response", await own(method, path, headers, body, query))

    ministack.app.SERVICE_HANDLERS["ecr"] = handle


def restrict_public_layers(has_version: Callable[[str], bool]) -> None:
    """Rejects other accounts' layer versions for which `has_version(arn)` is false: ministack takes every number."""
    resolve = lambda_svc._resolve_cross_account_layer

    def resolve_known(layer_arn: str, spec: Any, name_and_version: Any) -> Any:
        if not has_version(layer_arn):
            return lambda_svc._layer_access_denied(layer_arn)
        return resolve(layer_arn, spec, name_and_version)

    lambda_svc._resolve_cross_account_layer = resolve_known
