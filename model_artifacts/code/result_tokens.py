"""Converts the tokens of a result to its fields, and to the confidence of each field.

`token_parser` parses the fields. The walk below follows the same rules over the tokens with their
probabilities, so that each confidence has the same place as its field.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Sequence

from token_parser import SEPARATOR, Fields, parse_tokens

if TYPE_CHECKING:
    from donut_model import Donut
    from greedy_decoder import Decoded

_OPENING = re.compile(r"<s_(.*)>")


def prediction_of(model: Donut, ids: Sequence[int]) -> Fields:
    """Returns the fields that the tokens encode, as `DonutModel.inference` does.

    Args:
        model: Its tokenizer.
        ids: Token ids from the task prompt on.
    """
    tokenizer = model.tokenizer
    text = tokenizer.text_of(ids).replace(tokenizer.end_name, "").replace(tokenizer.padding_name, "")
    # The first token is the prompt's, not a field.
    return parse_tokens(re.sub(r"<.*?>", "", text, count=1).strip(), tokenizer.added)


def confidence_of(model: Donut, decoded: Decoded, prediction: Fields) -> Fields | None:
    """Returns the raw confidence of each field, in the shape of the prediction.

    A field's confidence is the model's probability of its whole value: the product of the probabilities of the value's
    tokens and of its closing token, each given the tokens before it. It is the model's own estimate, not a measured
    accuracy: calibration.py turns it into one.

    Args:
        model: Its tokenizer.
        decoded: The result's tokens.
        prediction: What `prediction_of` returned for them.

    Returns:
        None if the tokens are too ill-formed to assign to fields.
    """
    names = model.tokenizer.names_of(decoded.ids)
    tokens = list(zip(names[1:], decoded.log_probabilities[1:]))
    if isinstance(prediction, dict) and set(prediction) == {"text_sequence"}:
        # A result without fields: Donut returns its text under this name.
        return {"text_sequence": _leaf(tokens, 0.0)}
    found = _fields(tokens)
    return found if found is not None and _same_shape(found, prediction) else None


def with_lists(value: Fields, names: Sequence[str]) -> Fields:
    """Returns the fields with the named ones as lists: Donut's tokens encode a list of one as its element."""
    if isinstance(value, list):
        return [with_lists(element, names) for element in value]
    if not isinstance(value, dict):
        return value
    return {name: [inner] if name in names and not isinstance(inner, list) else inner for name, inner in value.items()}


def _fields(tokens: Sequence[Any]) -> Any:
    """Returns the tree of confidences of some tokens; None if they do not form fields."""
    elements: list[dict[str, Any]] = [{}]
    position = 0
    while position < len(tokens):
        opening = _OPENING.fullmatch(tokens[position][0])
        if opening is None:
            if tokens[position][0] == SEPARATOR:
                elements.append({})
            position += 1
            continue
        closing = f"</s_{opening[1]}>"
        end = next((place for place in range(position, len(tokens)) if tokens[place][0] == closing), None)
        if end is None:
            return None
        inner = tokens[position + 1 : end]
        is_leaf = not any(_OPENING.fullmatch(name) for name, _ in inner)
        elements[-1][opening[1]] = _leaf(inner, tokens[end][1]) if is_leaf else _fields(inner)
        position = end + 1
    return elements if len(elements) > 1 else elements[0]


def _leaf(tokens: Sequence[Any], closing: float) -> float | list[float]:
    """Returns the confidence of a text, or of each of several texts."""
    sums = [0.0]
    for name, chance in tokens:
        sums[-1] += chance
        if name == SEPARATOR:
            sums.append(0.0)
    sums[-1] += closing
    confidences = [round(math.exp(chance), 4) for chance in sums]
    return confidences[0] if len(confidences) == 1 else confidences


def _same_shape(found: Any, prediction: Any) -> bool:
    if isinstance(prediction, dict):
        return (
            isinstance(found, dict)
            and found.keys() == prediction.keys()
            and all(_same_shape(found[name], inner) for name, inner in prediction.items())
        )
    if isinstance(prediction, list):
        return (
            isinstance(found, list)
            and len(found) == len(prediction)
            and all(_same_shape(*pair) for pair in zip(found, prediction))
        )
    return isinstance(found, float)
