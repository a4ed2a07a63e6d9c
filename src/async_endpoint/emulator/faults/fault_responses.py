"""The error responses of overloaded and broken services, in their own protocols, as clients expect them."""

import json
from http import HTTPStatus

FaultResponse = tuple[int, dict[str, str], bytes]  # status, headers, body

RUNTIME = "sagemaker-runtime"

_REQUEST_ID = "00000000-0000-4000-8000-000000000000"
_MESSAGE = "A fault of the local AWS, switched on by `async-endpoint local fault`."
# By service: status and code when throttled, and when broken. Source: the services' common errors, botocore's models.
_CODES: dict[str, tuple[tuple[int, str], tuple[int, str]]] = {
    "s3": ((503, "SlowDown"), (500, "InternalError")),
    "sns": ((400, "Throttling"), (500, "InternalError")),
    "dynamodb": ((400, "ProvisionedThroughputExceededException"), (500, "InternalServerError")),
    "sqs": ((400, "RequestThrottled"), (500, "InternalFailure")),
    RUNTIME: ((400, "ThrottlingException"), (500, "InternalFailure")),
}
_JSON_PREFIXES = {"dynamodb": "com.amazonaws.dynamodb.v20120810#", "sqs": "com.amazonaws.sqs#"}
SERVICES = tuple(_CODES)


def error_response(service: str, *, throttled: bool) -> FaultResponse:
    """Returns the response of a service that is overloaded (`throttled`) or else broken."""
    throttle, failure = _CODES[service]
    status, code = throttle if throttled else failure
    if service in _JSON_PREFIXES:
        body = json.dumps({"__type": f"{_JSON_PREFIXES[service]}{code}", "message": _MESSAGE}).encode()
        return status, {"content-type": "application/x-amz-json-1.0", "x-amzn-requestid": _REQUEST_ID}, body
    if service == RUNTIME:
        headers = {"content-type": "application/json", "x-amzn-errortype": code, "x-amzn-requestid": _REQUEST_ID}
        return status, headers, json.dumps({"message": _MESSAGE}).encode()
    error = f"<Code>{code}</Code><Message>{_MESSAGE}</Message>"
    if service == "s3":
        text = f"<Error>{error}<RequestId>{_REQUEST_ID}</RequestId></Error>"
    else:
        side = "Sender" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "Receiver"
        text = (
            f'<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>{side}</Type>{error}</Error>'
            f"<RequestId>{_REQUEST_ID}</RequestId></ErrorResponse>"
        )
    body = f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()
    return status, {"content-type": "text/xml", "x-amz-request-id": _REQUEST_ID}, body
