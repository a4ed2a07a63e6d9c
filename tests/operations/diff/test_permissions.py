"""Permissions that a change widens are listed, and no others."""

from __future__ import annotations

import pytest

from tests.operations.diff.stack import READ, TLS, Template, compare


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ({**READ, "Action": ["s3:GetObject", "s3:PutObject"]}, "allows s3:PutObject on {In}/*"),
        ({**READ, "Resource": "*"}, "allows s3:GetObject on *"),
        ({**READ, "Condition": {"Bool": {"a": "b"}}}, 'allows s3:GetObject on {In}/* if {"Bool": {"a": "b"}}'),
    ],
)
def test_a_wider_permission_is_listed(head: Template, statement: Template, said: str) -> None:
    head["Resources"]["Policy"]["Properties"]["PolicyDocument"]["Statement"] = [statement]
    assert [str(each) for each in compare(head).widened] == [f"Endpoint/Policy {said}"]


def test_a_removed_denial_is_a_wider_permission(head: Template) -> None:
    head["Resources"]["InPolicy"]["Properties"]["PolicyDocument"]["Statement"] = []
    (permission,) = compare(head).widened
    assert str(permission) == 'Endpoint/InPolicy no longer denies s3:* on * to {"AWS": "*"}'


def test_a_removed_permission_is_not_listed(head: Template) -> None:
    head["Resources"]["Policy"]["Properties"]["PolicyDocument"]["Statement"] = [TLS]
    assert compare(head).widened == ()
