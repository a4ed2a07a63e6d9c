"""Parses the text of a result into its fields, by the rules of donut-python 1.0.9 (`DonutModel.token2json`).

The same fields for every text, with two differences: a field's name may hold any character (donut-python takes it for a
regular expression, and `<s_c++>` is none), and a long list is no deeper recursion.
"""

from __future__ import annotations

import re
from typing import Any, Collection

_OPENING = re.compile(r"<s_(.*?)>", re.IGNORECASE)
SEPARATOR = "<sep/>"

# The fields of a result, or a list of them if its outermost tokens are a list's.
Fields = Any


def parse_tokens(text: str, added_tokens: Collection[str]) -> Fields:
    """Returns the fields that a text encodes.

    Args:
        text: A result without its prompt and its end token.
        added_tokens: The tokens that were added to the tokenizer; one such as `<yes/>` is a value of its own.

    Returns:
        A dictionary; a list of them; or, without any field, the whole text as `text_sequence`.
    """
    elements, rest, is_list = _elements(text, added_tokens)
    if is_list:
        return elements
    return elements[0] if elements else {"text_sequence": rest}


def _elements(text: str, added_tokens: Collection[str]) -> tuple[list[dict[str, Any]], str, bool]:
    """Returns the elements, the text behind the last field, and whether a separator stood between elements.

    An element that a separator ends counts without fields, too; the last one does not.
    """
    elements: list[dict[str, Any]] = []
    is_list = False
    element: dict[str, Any] = {}
    while text:
        opening = _OPENING.search(text)
        if opening is None:
            break
        closing = re.compile(re.escape(f"</s_{opening[1]}>"), re.IGNORECASE).search(text)
        if closing is None:
            text = text.replace(opening[0], "")
            continue
        content = re.search(f"{re.escape(opening[0])}(.*?){re.escape(closing[0])}", text, re.IGNORECASE)
        if content is not None:
            _set_value(element, opening[1], content[1].strip(), added_tokens)
        text = text[text.find(closing[0]) + len(closing[0]) :].strip()
        if text.startswith(SEPARATOR):
            elements.append(element)
            is_list = True
            element, text = {}, text[len(SEPARATOR) :]
    if element:
        elements.append(element)
    return elements, text, is_list


def _set_value(element: dict[str, Any], name: str, content: str, added_tokens: Collection[str]) -> None:
    if "<s_" in content and "</s_" in content:
        inner, _, _ = _elements(content, added_tokens)
        if inner:
            element[name] = inner if len(inner) > 1 else inner[0]
        return
    leaves = [_leaf(leaf.strip(), added_tokens) for leaf in content.split(SEPARATOR)]
    element[name] = leaves if len(leaves) > 1 else leaves[0]


def _leaf(text: str, added_tokens: Collection[str]) -> str:
    is_category = text in added_tokens and text.startswith("<") and text.endswith("/>")
    return text[1:-2] if is_category else text
