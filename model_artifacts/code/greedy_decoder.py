"""Greedy decoding of a Donut for several pages at once, the same on every image: a library's own tokens, sooner.

The stock way (`DonutModel.inference`) goes through `generate()`, which builds masks, caches and outputs anew for every
token. Here a step is the arithmetic alone: the cross attention's keys and values are computed once a page, the self
attention's are written into room made in advance, and pages that have ended make place for the others. What the stock
way decides is decided the same: the unknown token is never taken, the last place that `max_length` allows takes the end
token, and a padding token that the network itself writes is not attended to (transformers 4.11.3, `greedy_search` and
`MBartDecoder`). A checkpoint of Hugging Face has rules of its own (hugging_face.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Mapping, Sequence

import torch
from torch.backends import mkldnn
from torch.nn import functional

from layer_arithmetic import ACTIVATIONS, Linear, Norm
from network_sizes import POSITIONS_UNUSED

if TYPE_CHECKING:
    from donut_model import Donut

_FIRST_ROOM = 64


@dataclass(frozen=True)
class Decoded:
    """The tokens of one page.

    Attributes:
        ids: Token ids, from the first of the prompt to the end token (which is missing only in a result that the
            model's `max_length` cut off).
        log_probabilities: Of each id; 0 for those of the prompt, which were given.
    """

    ids: list[int]
    log_probabilities: list[float]


class _Attention:
    """The weights of one attention, with what can be multiplied in advance."""

    def __init__(self, weights: Mapping[str, torch.Tensor], name: str, heads: int) -> None:
        query, key, value, out = (
            (weights[f"{name}.{part}.weight"], weights[f"{name}.{part}.bias"])
            for part in ("q_proj", "k_proj", "v_proj", "out_proj")
        )
        self.heads = heads
        self.width: int = query[0].shape[0] // heads
        scale = self.width**-0.5
        self.query = (query[0] * scale, query[1] * scale)
        self.key, self.value = key, value
        self.out = Linear(*out)

    def split(self, hidden: torch.Tensor) -> torch.Tensor:
        """Turns (pages, places, heads * width) into (pages * heads, places, width)."""
        pages, places, _ = hidden.shape
        by_head = hidden.view(pages, places, self.heads, self.width).transpose(1, 2)
        return by_head.reshape(pages * self.heads, places, self.width)

    def attend(
        self, query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """Returns what one place a page sees, (pages, heads * width), for `out` to mix.

        Args:
            query: (pages * heads, 1, width).
            keys: (pages * heads, width, places).
            values: (pages * heads, places, width).
            mask: (pages * heads, 1, places), added to the scores; None adds nothing.
        """
        scores = torch.bmm(query, keys)
        if mask is not None:
            scores += mask
        return torch.bmm(torch.softmax(scores, dim=-1), values).view(-1, self.heads * self.width)


class _Layer:
    """The weights of one decoder layer."""

    def __init__(self, model: Donut, name: str) -> None:
        weights, heads = model.weights, model.sizes.decoder_heads
        self.own = _Attention(weights, f"{name}.self_attn", heads)
        self.cross = _Attention(weights, f"{name}.encoder_attn", heads)
        # One batch of three products for the places of the result, whose parts then need not be taken apart.
        parts = self.own.query, self.own.key, self.own.value
        self.own_weights = torch.stack([weight.t() for weight, _ in parts])
        self.own_biases = torch.stack([bias for _, bias in parts]).unsqueeze(1)
        self.cross_query = Linear(*self.cross.query)
        self.own_norm = Norm(weights, f"{name}.self_attn_layer_norm")
        self.cross_norm = Norm(weights, f"{name}.encoder_attn_layer_norm")
        self.last_norm = Norm(weights, f"{name}.final_layer_norm")
        self.activation = ACTIVATIONS[model.sizes.activation]
        self.first = Linear(weights[f"{name}.fc1.weight"], weights[f"{name}.fc1.bias"])
        self.second = Linear(weights[f"{name}.fc2.weight"], weights[f"{name}.fc2.bias"])


class _LayerMemory:
    """What one layer remembers of the pages being decoded.

    Args:
        layer: Its weights.
        cells: The encoder's output, (pages, cells, hidden size).
        room: Places to make room for at first.
    """

    def __init__(self, layer: _Layer, cells: torch.Tensor, room: int) -> None:
        cross, own = layer.cross, layer.own
        self._heads = own.heads
        self.cross_keys = cross.split(functional.linear(cells, *cross.key)).transpose(1, 2).contiguous()
        self.cross_values = cross.split(functional.linear(cells, *cross.value))
        # Keys and values of the places of the result: one copy writes both.
        self._own = cells.new_empty((2, cells.shape[0] * own.heads, room, own.width))

    def make_room(self, room: int) -> None:
        """Makes room for more places, up to `room`."""
        own = self._own
        self._own = own.new_empty((2, own.shape[1], room, own.shape[3]))
        self._own[:, :, : own.shape[2]] = own

    def write(self, keys_and_values: torch.Tensor, place: int) -> None:
        """Remembers a place: (2, pages * heads, 1, width)."""
        self._own.narrow(2, place, 1).copy_(keys_and_values)

    def up_to(self, place: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the keys, (pages * heads, width, places), and the values, (pages * heads, places, width)."""
        keys, values = self._own.narrow(2, 0, place + 1).unbind(0)
        return keys.transpose(1, 2), values

    def keep(self, rows: torch.Tensor) -> None:
        """Forget all pages but those of these rows."""
        for name in ("cross_keys", "cross_values"):
            remembered = getattr(self, name)
            by_page = remembered.view(-1, self._heads, *remembered.shape[1:])
            setattr(self, name, by_page.index_select(0, rows).flatten(0, 1))
        own = self._own.view(2, -1, self._heads, *self._own.shape[2:])
        self._own = own.index_select(1, rows).flatten(1, 2)


class _Network:
    """A model's decoder as the arithmetic of one step, and the tokens that end its results."""

    def __init__(self, model: Donut) -> None:
        weights, sizes, config = model.weights, model.sizes, model.config
        decoder = "decoder.model.model.decoder"
        self.layers = [_Layer(model, f"{decoder}.layers.{number}") for number in range(sizes.decoder_layer)]
        self.max_length = config.max_length
        # Models that Hugging Face's transformers trained see the padding that they write.
        self.padding = model.tokenizer.padding if config.hides_padding else None
        self.end = model.tokenizer.end
        self.forced_end = config.forced_end
        self._embed = weights[f"{decoder}.embed_tokens.weight"]
        self._scale = math.sqrt(sizes.hidden_size) if sizes.scale_embedding else 1.0
        self._positions = weights[f"{decoder}.embed_positions.weight"][POSITIONS_UNUSED:]
        self._first_norm = Norm(weights, f"{decoder}.layernorm_embedding")
        self._last_norm = Norm(weights, f"{decoder}.layer_norm")
        head = weights["decoder.model.lm_head.weight"]
        # What no result has; as a bias it costs nothing.
        never = head.new_zeros(len(head))
        never[config.forbidden_tokens] = float("-inf")
        self._head = Linear(head, never)

    def step(
        self, ids: torch.Tensor, place: int, memories: list[_LayerMemory], mask: torch.Tensor | None
    ) -> torch.Tensor:
        """Returns the logits of what follows, (pages, vocabulary), and remembers the ids, (pages,), at their place."""
        hidden = torch.add(self._positions[place], self._embed.index_select(0, ids), alpha=self._scale)
        hidden = self._first_norm(hidden)
        for layer, memory in zip(self.layers, memories):
            own, cross = layer.own, layer.cross
            seen = layer.own_norm(hidden).expand(3, -1, -1)
            # The heads of a page lie beside one another, as in `split`.
            by_part = torch.baddbmm(layer.own_biases, seen, layer.own_weights).view(3, -1, 1, own.width)
            memory.write(by_part[1:], place)
            own.out.add_to(hidden, own.attend(by_part[0], *memory.up_to(place), mask))
            query = layer.cross_query(layer.cross_norm(hidden)).view(-1, 1, cross.width)
            cross.out.add_to(hidden, cross.attend(query, memory.cross_keys, memory.cross_values, None))
            layer.second.add_to(hidden, layer.activation(layer.first(layer.last_norm(hidden))))
        return self._head(self._last_norm(hidden))


class GreedyDecoder:
    """Decodes pages with one model's decoder.

    Args:
        model: On the device and in the precision that it stays in.
    """

    def __init__(self, model: Donut) -> None:
        self._network = _Network(model)

    def decode(self, cells: torch.Tensor, prompts: Sequence[Sequence[int]]) -> list[Decoded]:
        """Decodes some pages.

        Args:
            cells: The encoder's output, (pages, cells, hidden size).
            prompts: Token ids that each page's result starts with, all of one length of 1 or more.
        """
        with torch.inference_mode():
            return _Run(self._network, cells, prompts).finish()


class _Run:
    """One batch being decoded."""

    def __init__(self, network: _Network, cells: torch.Tensor, prompts: Sequence[Sequence[int]]) -> None:
        self._network = network
        self._room = min(_FIRST_ROOM, network.max_length)
        self._memories = [_LayerMemory(layer, cells, self._room) for layer in network.layers]
        self._ids = [list(prompt) for prompt in prompts]
        self._log_probabilities = [[0.0] * len(prompt) for prompt in prompts]
        # Which page each row of the tensors belongs to, and whether it is still being decoded.
        self._pages = list(range(len(prompts)))
        self._goes_on = [True] * len(prompts)
        self._padding_came = any(network.padding in prompt for prompt in prompts)
        self._mask: torch.Tensor | None = None
        self._heads = network.layers[0].own.heads
        self._device = cells.device
        self._dtype = cells.dtype

    def finish(self) -> list[Decoded]:
        prompts = torch.tensor(self._ids, device=self._device)
        length = prompts.shape[1]
        for place in range(length - 1):
            self._read(prompts[:, place], place)
        following = prompts[:, -1]
        # For a few numbers oneDNN's GELU takes PyTorch 2.6 three times as long as its own.
        with mkldnn.flags(enabled=False):
            while length < self._network.max_length and any(self._goes_on):
                logits = self._read(self._drop_ended_rows(following), length - 1)
                following = self._choose(logits, is_last=length == self._network.max_length - 1)
                length += 1
        return [Decoded(*result) for result in zip(self._ids, self._log_probabilities)]

    def _read(self, ids: torch.Tensor, place: int) -> torch.Tensor:
        if place == self._room:
            self._room = min(2 * self._room, self._network.max_length)
            for memory in self._memories:
                memory.make_room(self._room)
        self._hide_padding(ids, place)
        return self._network.step(ids, place, self._memories, self._mask)

    def _hide_padding(self, ids: torch.Tensor, place: int) -> None:
        """Keeps the mask in step. It is there only once a padding token has been read, which few models ever write."""
        if not self._padding_came:
            return
        is_padding = ids == self._network.padding
        if self._mask is None:
            self._mask = torch.zeros((len(ids) * self._heads, 1, place), dtype=self._dtype, device=self._device)
        hidden = is_padding.to(self._dtype) * torch.finfo(self._dtype).min
        self._mask = torch.cat([self._mask, hidden.repeat_interleave(self._heads).view(-1, 1, 1)], dim=2)

    def _choose(self, logits: torch.Tensor, *, is_last: bool) -> torch.Tensor:
        network = self._network
        scores = logits.float()
        if is_last and network.forced_end is not None:
            following = torch.full((len(scores),), network.forced_end, device=self._device)
            chances = torch.zeros(len(scores))
        else:
            following = scores.argmax(dim=1)
            chances = torch.log_softmax(scores, dim=1).amax(dim=1)  # the likeliest token is the one taken
        ids = following.tolist()
        self._padding_came |= network.padding in ids
        for row, (id_, chance) in enumerate(zip(ids, chances.tolist())):
            if self._goes_on[row]:
                self._ids[self._pages[row]].append(id_)
                self._log_probabilities[self._pages[row]].append(chance)
                self._goes_on[row] = id_ != network.end
        return following

    def _drop_ended_rows(self, following: torch.Tensor) -> torch.Tensor:
        """Gives the rows of ended pages up, once half of the rows are theirs: copying what stays costs, too."""
        going = [row for row, goes_on in enumerate(self._goes_on) if goes_on]
        if 2 * len(going) > len(self._goes_on):
            return following
        rows = torch.tensor(going, device=self._device)
        for memory in self._memories:
            memory.keep(rows)
        if self._mask is not None:
            self._mask = self._mask.view(-1, self._heads, *self._mask.shape[1:]).index_select(0, rows).flatten(0, 1)
        self._pages = [self._pages[row] for row in going]
        self._goes_on = [True] * len(going)
        return following.index_select(0, rows)
