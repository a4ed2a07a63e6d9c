"""From the tokens of an answer to its fields, and to how sure the model was of each.

`DonutModel.token2json` reads the fields; what it returns is what is answered. The walk below goes the same way over the
tokens with their probabilities, so that each field's confidence stands at the field's own place.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Sequence

if TYPE_CHECKING:
    from donut_library import DonutModel
    from greedy_decoder import Decoded

_OPENING = re.compile(r"<s_(.*)>")
_SEPARATOR = "<sep/>"


# What an answer says: fields, or a list of them where its outermost tokens are a list's.
Fields = Any


def prediction_of(model: DonutModel, ids: Sequence[int]) -> Fields:
    """Return the fields that an answer's tokens spell, as `DonutModel.inference` does.

    Args:
        model: Its tokenizer and its `token2json`.
        ids: Token ids from the task prompt on.
    """
    tokenizer = model.decoder.tokenizer
    text = tokenizer.decode(ids).replace(tokenizer.eos_token, "").replace(tokenizer.pad_token, "")
    # The prompt's own token is no field.
    return model.token2json(re.sub(r"<.*?>", "", text, count=1).strip())


def confidence_of(model: DonutModel, decoded: Decoded, prediction: Fields) -> Fields | None:
    """Return the confidence of each field, in the prediction's own shape.

    A field's confidence is the probability that the model gave to all of its value: the product of the probabilities of
    the value's tokens and of the token that ends it, each given those before it. 0.98 means that the model would have
    written something else in 2 of 100 cases; it is the model's own opinion, not a measured share.

    Args:
        model: Its tokenizer.
        decoded: The answer's tokens.
        prediction: What `prediction_of` made of them.

    Returns:
        None where the tokens are too ill-formed to say which belong to which field.
    """
    names = model.decoder.tokenizer.convert_ids_to_tokens(decoded.ids)
    tokens = list(zip(names[1:], decoded.log_probabilities[1:]))
    if isinstance(prediction, dict) and set(prediction) == {"text_sequence"}:
        # An answer without fields: Donut gives its text under this name.
        return {"text_sequence": _leaf(tokens, 0.0)}
    found = _fields(tokens)
    return found if found is not None and _same_shape(found, prediction) else None


def with_lists(value: Fields, names: Sequence[str]) -> Fields:
    """Return the fields with those of these names as lists: Donut's tokens spell a list of one as its element."""
    if isinstance(value, list):
        return [with_lists(element, names) for element in value]
    if not isinstance(value, dict):
        return value
    return {name: [inner] if name in names and not isinstance(inner, list) else inner for name, inner in value.items()}


def _fields(tokens: Sequence[Any]) -> Any:
    """Return the tree of confidences of some tokens; None where they are no fields."""
    elements: list[dict[str, Any]] = [{}]
    position = 0
    while position < len(tokens):
        opening = _OPENING.fullmatch(tokens[position][0])
        if opening is None:
            if tokens[position][0] == _SEPARATOR:
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
    """Return the confidence of a text, or of each of several texts."""
    sums = [0.0]
    for name, chance in tokens:
        sums[-1] += chance
        if name == _SEPARATOR:
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
