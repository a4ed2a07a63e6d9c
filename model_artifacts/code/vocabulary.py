"""Reads tokenizers, and checks that every added token has the id that the weights were trained with.

Versions of transformers differ in the order in which they add tokens, and so in the ids that weights were trained with:
with one other, every request would get nonsense, and status 200.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Mapping, Sequence

from model_folder import ModelFolderError, read_object
from piece_tokenizer import DEFAULT_ROLES, PieceTokenizer
from token_parser import SEPARATOR

if TYPE_CHECKING:
    from pathlib import Path

TOKENIZER_FILE = "sentencepiece.bpe.model"


def read_tokenizer(folder: Path) -> PieceTokenizer:
    """Returns the tokenizer of a folder as transformers saved it, each token with the id that the files record.

    Raises:
        ModelFolderError: The vocabulary is missing or broken, or a token does not get its id.
    """
    roles = read_object(folder, "special_tokens_map.json")
    named = {role: _text(roles[role]) for role in DEFAULT_ROLES if role in roles}
    tokenizer = _read_pieces(folder, named)
    recorded = recorded_ids(folder)
    if recorded:
        tokenizer.add_tokens(sorted(recorded, key=recorded.__getitem__))
    else:
        tokenizer.add_tokens(_text(token) for token in roles.get("additional_special_tokens", []))
    check_ids(tokenizer, recorded, folder)
    known = tokenizer.vocabulary
    unknown = [name for role, name in named.items() if name not in known]
    if unknown:
        raise ModelFolderError(
            f"{folder.name}/special_tokens_map.json names {unknown[0]!a}, which {TOKENIZER_FILE} does not hold: one of "
            "them is another model's."
        )
    return tokenizer


def add_as_donut_does(tokenizer: PieceTokenizer, special_tokens: Sequence[str], *, separator_first: bool) -> None:
    """Adds the tokens of a configuration that the tokenizer does not have yet, in the order of donut-python.

    Args:
        tokenizer: As `read_tokenizer` returns it.
        special_tokens: The `special_tokens` of config.json.
        separator_first: Whether the separator is added before the others, as the stock network does it.
    """
    tokenizer.add_tokens(_in_donuts_order(special_tokens, separator_first=separator_first))


def ids_in_donut(tokenizer: PieceTokenizer, special_tokens: Sequence[str], *, separator_first: bool) -> dict[str, int]:
    """Returns the id that each added token has in donut-python; the arguments are those of `add_as_donut_does`."""
    first = len(tokenizer) - len(tokenizer.added)
    names = _in_donuts_order(special_tokens, separator_first=separator_first)
    return {name: first + place for place, name in enumerate(names)}


def _in_donuts_order(special_tokens: Sequence[str], *, separator_first: bool) -> list[str]:
    others = sorted({*special_tokens} - {SEPARATOR})
    return [SEPARATOR, *others] if separator_first else sorted([SEPARATOR, *others])


def recorded_ids(folder: Path) -> dict[str, int]:
    """Returns the ids of added tokens that the files of a folder record; none if no file does."""
    found: dict[str, int] = {}
    for token in read_object(folder, "tokenizer.json").get("added_tokens", []):
        found[token["content"]] = token["id"]
    for id_, token in read_object(folder, "tokenizer_config.json").get("added_tokens_decoder", {}).items():
        found[_text(token)] = int(id_)
    found.update(read_object(folder, "added_tokens.json"))
    return found


def check_ids(tokenizer: PieceTokenizer, wanted: Mapping[str, int], folder: Path) -> None:
    """Checks the ids of tokens.

    Raises:
        ModelFolderError: One has another id; the message names it.
    """
    found = tokenizer.vocabulary
    wrong = [name for name, id_ in wanted.items() if found.get(name) != id_]
    if wrong:
        name = min(wrong, key=wanted.__getitem__)
        raise ModelFolderError(
            f"{len(wrong)} tokens of {folder.name}/ have other ids than the weights were trained with ({name!a} has "
            f"{found.get(name)}, not {wanted[name]}): a file of the tokenizer, or config.json, is another model's. "
            "Every result would be wrong."
        )


def _read_pieces(folder: Path, roles: Mapping[str, str]) -> PieceTokenizer:
    path = folder / TOKENIZER_FILE
    if not path.is_file():
        hint = (
            "tokenizer.json alone is not enough; copy it from the checkpoint that yours was trained from"
            if (folder / "tokenizer.json").is_file()
            else "put it beside the model"
        )
        raise ModelFolderError(f"{folder.name}/{TOKENIZER_FILE} is missing: {hint}.")
    try:
        return PieceTokenizer(path.read_bytes(), roles)
    except RuntimeError:
        raise ModelFolderError(f"{folder.name}/{TOKENIZER_FILE} is not a model of sentencepiece.") from None


def _text(token: Any) -> str:
    return token["content"] if isinstance(token, dict) else str(token)
