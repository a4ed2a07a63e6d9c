"""The tokenizer of a Donut: transformers 4.11.3's XLMRobertaTokenizer, the same on every image.

Later versions of transformers give added tokens other ids, split a prompt at other places, put a result's text together
in another way, or cannot read the file at all: version 5 has no use for sentencepiece. Here sentencepiece does the
work, and the rules around it are those of the version that donut-python was made for. A check compares both.
"""

from __future__ import annotations

import re
from typing import Iterable, Mapping, Sequence

import sentencepiece

# The first ids are fairseq's; those of sentencepiece follow, moved by one, and the mask behind them.
_FIRST = ("<s>", "<pad>", "</s>", "<unk>")
_MOVED = 1
_MASK = "<mask>"
_SPACE = "\u2581"
DEFAULT_ROLES = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "sep_token": "</s>",
    "cls_token": "<s>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
    "mask_token": _MASK,
}
# What transformers mends in an English text, in this order.
_MENDED = (
    (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" 's", "'s"),
    (" 've", "'ve"), (" 're", "'re"),
)  # fmt: skip


class PieceTokenizer:
    """Turns text into token ids and back.

    Args:
        pieces: What sentencepiece.bpe.model holds.
        roles: Names of tokens with a role, such as `eos_token`, where they differ from `DEFAULT_ROLES`.

    Raises:
        RuntimeError: The bytes are not a model of sentencepiece.
    """

    def __init__(self, pieces: bytes, roles: Mapping[str, str] | None = None) -> None:
        self.pieces = pieces
        self._model = sentencepiece.SentencePieceProcessor()
        self._model.LoadFromSerializedProto(pieces)
        self._roles = {**DEFAULT_ROLES, **(roles or {})}
        self._names = [*_FIRST, *map(self._model.IdToPiece, range(len(_FIRST) - _MOVED, len(self._model))), _MASK]
        self._ids = {name: id_ for id_, name in reversed(list(enumerate(self._names)))}
        self._added: dict[str, int] = {}
        self._find_tokens()

    def __len__(self) -> int:
        """Returns the number of tokens."""
        return len(self._names) + len(self._added)

    def add_tokens(self, names: Iterable[str]) -> None:
        """Adds the tokens that are not there, with the next ids in their order."""
        for name in names:
            if name not in self._ids and name not in self._added:
                self._added[name] = len(self)
        self._find_tokens()

    @property
    def added(self) -> Mapping[str, int]:
        """The tokens that were added, with their ids."""
        return self._added

    @property
    def vocabulary(self) -> dict[str, int]:
        """All tokens, with their ids."""
        return {**self._ids, **self._added}

    @property
    def end(self) -> int:
        """The id of the token that ends a result."""
        return self.id_of(self.end_name)

    @property
    def end_name(self) -> str:
        """The token that ends a result."""
        return self._roles["eos_token"]

    @property
    def padding(self) -> int:
        """The id of the token that fills places up."""
        return self.id_of(self.padding_name)

    @property
    def padding_name(self) -> str:
        """The token that fills places up."""
        return self._roles["pad_token"]

    @property
    def unknown(self) -> int:
        """The id that stands for every piece that is not known."""
        return self._ids[self._roles["unk_token"]]

    def id_of(self, name: str) -> int:
        """Returns the id of a token; for any other name, that of the unknown token."""
        return self._added.get(name, self._ids.get(name, self.unknown))

    def ids_of(self, text: str) -> list[int]:
        """Returns the ids of a text; spaces beside a token of its own, such as `<s_receipt>`, do not count."""
        parts = self._tokens.split(text)
        ids: list[int] = []
        for place, part in enumerate(parts):
            if place % 2:
                ids.append(self.id_of(part))
                continue
            inner = part.lstrip() if place else part
            inner = inner.rstrip() if place + 1 < len(parts) else inner
            if inner:
                ids += [each + _MOVED if each else self.unknown for each in self._model.encode(inner, out_type=int)]
        return ids

    def names_of(self, ids: Sequence[int]) -> list[str]:
        """Returns the tokens of some ids."""
        return [self._names[id_] if id_ < len(self._names) else self._added_names[id_] for id_ in ids]

    def text_of(self, ids: Sequence[int]) -> str:
        """Returns the text that ids stand for, with a space on both sides of each added token."""
        texts: list[str] = []
        pieces: list[str] = []
        for name in [*self.names_of(ids), None]:
            if name is not None and name not in self._added:
                pieces.append(name)
                continue
            if pieces:
                texts.append("".join(pieces).replace(_SPACE, " ").strip())
                pieces = []
            if name is not None:
                texts.append(name)
        text = " ".join(texts)
        for found, mended in _MENDED:
            text = text.replace(found, mended)
        return text

    def _find_tokens(self) -> None:
        self._added_names = {id_: name for name, id_ in self._added.items()}
        # The longest first: one may begin with another.
        names = sorted({*self._roles.values(), *self._added}, key=lambda name: (-len(name), name))
        self._tokens = re.compile(f"({'|'.join(map(re.escape, names))})")
