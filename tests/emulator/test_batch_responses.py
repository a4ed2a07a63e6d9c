"""A response to a batch means what AWS's documentation says."""

from typing import Any

import pytest

from async_endpoint.emulator.batch_responses import BatchResponse, read_batch_response

IDS = frozenset({"one", "two", "three"})


def failing(*identifiers: Any) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": each} for each in identifiers]}


@pytest.mark.parametrize(
    "response",
    [None, {}, "", {"batchItemFailures": []}, {"batchItemFailures": None}, {"statusCode": 200, "body": "x"}],
    ids=repr,
)
def test_a_response_without_failures_is_a_success(response: Any) -> None:
    judged = read_batch_response(response, IDS)
    assert judged == BatchResponse()


def test_the_messages_of_a_list_failed_and_no_others() -> None:
    judged = read_batch_response(failing("one", "three", "one"), IDS)
    assert judged == BatchResponse(frozenset({"one", "three"}))


@pytest.mark.parametrize(
    ("response", "fault"),
    [
        (failing(""), "the itemIdentifier '' is not the id of a message of the batch"),
        (failing(None), "the itemIdentifier None is not the id of a message of the batch"),
        (failing("one", "unknown"), "the itemIdentifier 'unknown' is not the id of a message of the batch"),
        (failing(["one"]), "the itemIdentifier ['one'] is not the id of a message of the batch"),
        ({"batchItemFailures": [{"itemId": "one"}]}, "{'itemId': 'one'} in batchItemFailures has no itemIdentifier"),
        ({"batchItemFailures": [{}]}, "{} in batchItemFailures has no itemIdentifier"),
        ({"batchItemFailures": ["one"]}, "'one' in batchItemFailures has no itemIdentifier"),
        ({"batchItemFailures": [None]}, "None in batchItemFailures has no itemIdentifier"),
        ({"batchItemFailures": "one"}, "batchItemFailures is not a list but 'one'"),
        (
            {"batchItemFailures": {"itemIdentifier": "one"}},
            "batchItemFailures is not a list but {'itemIdentifier': 'one'}",
        ),
        ({"batchItemFailures": ""}, "batchItemFailures is not a list but ''"),
        ("done", "the response is not a JSON object but 'done'"),
        ("{not JSON", "the response is not a JSON object but '{not JSON'"),
        ([], "the response is not a JSON object but []"),
        (True, "the response is not a JSON object but True"),
        (0, "the response is not a JSON object but 0"),
    ],
    ids=repr,
)
def test_any_other_response_fails_the_whole_batch(response: Any, fault: str) -> None:
    judged = read_batch_response(response, IDS)
    assert judged == BatchResponse(IDS, fault)


def test_a_long_response_is_cut_short_in_the_fault() -> None:
    fault = read_batch_response("x" * 1000, IDS).fault
    assert fault is not None
    assert len(fault) < 120
