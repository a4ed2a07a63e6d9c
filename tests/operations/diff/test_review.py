from async_endpoint.operations.diff.review import review
from tests.operations.diff.stack import BASE, Template, compare


def test_outputs_that_are_added_changed_and_removed_are_listed(head: Template, base: Template) -> None:
    head["Outputs"] = {"Name": {"Value": "other"}, "Url": {"Value": "https://"}}
    base["Outputs"]["Old"] = {"Value": "1"}
    assert compare(head, base).outputs == ("Endpoint/Name changed", "Endpoint/Old removed", "Endpoint/Url added")


def test_the_warnings_have_a_heading_each_and_none_without_lines(head: Template) -> None:
    assert list(compare(head).warnings) == []
    del head["Resources"]["In"]
    (warning,) = compare(head).warnings
    assert warning[0] == "Must not be deployed"


def test_a_new_stack_adds_everything_and_a_removed_stack_removes_everything() -> None:
    added, removed = review({}, {"Endpoint": BASE}), review({"Endpoint": BASE}, {})
    assert {change.action for change in added.changes} == {"added"}
    assert {change.action for change in removed.changes} == {"removed"}
    assert len(added.changes) == len(removed.changes) == len(BASE["Resources"])
    assert removed.forbidden
