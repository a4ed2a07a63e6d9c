"""Greedy decoding of a Donut for several pages at once: the tokens of `DonutModel.inference`, sooner.

The stock way goes through `generate()`, which builds masks, caches and outputs anew for every token. Here a step is the
arithmetic alone: the cross attention's keys and values are computed once a page, the self attention's are written into
room made in advance, and pages that have ended make place for the others. What the stock way decides is decided the
same: the unknown token is never taken, the last place that `max_length` allows takes the end token, and a padding token
that the network itself writes is not attended to (transformers 4.11.3, `greedy_search` and `MBartDecoder`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Sequence

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import nn

    from donut_library import DonutModel

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

    def __init__(self, module: nn.Module) -> None:
        self.heads: int = module.num_heads
        self.width: int = module.head_dim
        self.query = (module.q_proj.weight * module.scaling, module.q_proj.bias * module.scaling)
        self.key = (module.k_proj.weight, module.k_proj.bias)
        self.value = (module.v_proj.weight, module.v_proj.bias)
        self.out = (module.out_proj.weight, module.out_proj.bias)

    def split(self, hidden: torch.Tensor) -> torch.Tensor:
        """Turns (pages, places, heads * width) into (pages * heads, places, width)."""
        pages, places, _ = hidden.shape
        by_head = hidden.view(pages, places, self.heads, self.width).transpose(1, 2)
        return by_head.reshape(pages * self.heads, places, self.width)

    def attend(
        self, query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """Returns what one place a page sees, (pages, heads * width).

        Args:
            query: (pages, heads * width).
            keys: (pages * heads, width, places).
            values: (pages * heads, places, width).
            mask: (pages * heads, 1, places), added to the scores; None adds nothing.
        """
        scores = torch.bmm(query.reshape(-1, 1, self.width), keys)
        if mask is not None:
            scores = scores + mask
        seen = torch.bmm(torch.softmax(scores, dim=-1), values)
        return functional.linear(seen.view(query.shape), *self.out)


class _Norm:
    """The weights of one layer norm, called without the module around it."""

    def __init__(self, module: nn.LayerNorm) -> None:
        self._arguments = (module.normalized_shape, module.weight, module.bias, module.eps)

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        return functional.layer_norm(hidden, *self._arguments)


class _Layer:
    """The weights of one decoder layer."""

    def __init__(self, module: nn.Module) -> None:
        self.own = _Attention(module.self_attn)
        self.cross = _Attention(module.encoder_attn)
        # One product instead of three for the places of the result.
        self.own_weights = torch.cat([self.own.query[0], self.own.key[0], self.own.value[0]])
        self.own_biases = torch.cat([self.own.query[1], self.own.key[1], self.own.value[1]])
        self.own_norm = _Norm(module.self_attn_layer_norm)
        self.cross_norm = _Norm(module.encoder_attn_layer_norm)
        self.last_norm = _Norm(module.final_layer_norm)
        self.activation = module.activation_fn
        self.first = (module.fc1.weight, module.fc1.bias)
        self.second = (module.fc2.weight, module.fc2.bias)


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
        rows = cells.shape[0] * own.heads
        self.keys = cells.new_empty((rows, own.width, room))
        self.values = cells.new_empty((rows, room, own.width))

    def make_room(self, room: int) -> None:
        """Makes room for more places, up to `room`."""
        keys, values = self.keys, self.values
        self.keys = keys.new_empty((*keys.shape[:2], room))
        self.keys[:, :, : keys.shape[2]] = keys
        self.values = values.new_empty((values.shape[0], room, values.shape[2]))
        self.values[:, : values.shape[1]] = values

    def keep(self, rows: torch.Tensor) -> None:
        """Forget all pages but those of these rows."""
        for name in ("cross_keys", "cross_values", "keys", "values"):
            remembered = getattr(self, name)
            by_page = remembered.view(-1, self._heads, *remembered.shape[1:])
            setattr(self, name, by_page.index_select(0, rows).flatten(0, 1))


class _Network:
    """A model's decoder as the arithmetic of one step, and the tokens that end its results."""

    def __init__(self, model: DonutModel) -> None:
        language_model = model.decoder.model
        decoder = language_model.model.decoder
        tokenizer = model.decoder.tokenizer
        self.layers = [_Layer(layer) for layer in decoder.layers]
        self.max_length: int = model.config.max_length
        self.never: int = tokenizer.unk_token_id
        self.padding: int = tokenizer.pad_token_id
        self.end: int = tokenizer.eos_token_id
        self.forced_end: int | None = language_model.config.forced_eos_token_id
        self._embed = decoder.embed_tokens.weight
        self._scale: float = decoder.embed_scale
        self._positions = decoder.embed_positions.weight[decoder.embed_positions.offset :]
        self._first_norm = _Norm(decoder.layernorm_embedding)
        self._last_norm = _Norm(decoder.layer_norm)
        self._head = (language_model.lm_head.weight, language_model.lm_head.bias)

    def step(
        self, ids: torch.Tensor, place: int, memories: list[_LayerMemory], mask: torch.Tensor | None
    ) -> torch.Tensor:
        """Returns the logits of what follows, (pages, vocabulary), and remembers the ids, (pages,), at their place."""
        hidden = functional.embedding(ids, self._embed) * self._scale + self._positions[place]
        hidden = self._first_norm(hidden)
        seen = slice(None, place + 1)
        for layer, memory in zip(self.layers, memories):
            together = functional.linear(layer.own_norm(hidden), layer.own_weights, layer.own_biases)
            # The heads of a page lie beside one another, as in `split`.
            query, key, value = together.view(-1, 3, layer.own.heads * layer.own.width).unbind(1)
            memory.keys[:, :, place] = key.reshape(-1, layer.own.width)
            memory.values[:, place] = value.reshape(-1, layer.own.width)
            hidden = hidden + layer.own.attend(query, memory.keys[:, :, seen], memory.values[:, seen], mask)
            query = functional.linear(layer.cross_norm(hidden), *layer.cross.query)
            hidden = hidden + layer.cross.attend(query, memory.cross_keys, memory.cross_values, None)
            inner = layer.activation(functional.linear(layer.last_norm(hidden), *layer.first))
            hidden = hidden + functional.linear(inner, *layer.second)
        return functional.linear(self._last_norm(hidden), *self._head)


class GreedyDecoder:
    """Decodes pages with one model's decoder.

    Args:
        model: In evaluation mode, on the device and in the precision that it stays in.
    """

    def __init__(self, model: DonutModel) -> None:
        self._network = _Network(model)

    def decode(self, cells: torch.Tensor, prompts: Sequence[Sequence[int]]) -> list[Decoded]:
        """Decodes some pages.

        Args:
            cells: The encoder's output, (pages, cells, hidden size).
            prompts: Token ids that each page's result starts with, all of one length of 1 or more.
        """
        with torch.no_grad():
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
        is_padding = ids == self._network.padding
        if self._mask is None:
            if not bool(is_padding.any()):
                return
            self._mask = torch.zeros((len(ids) * self._heads, 1, place), dtype=self._dtype, device=self._device)
        hidden = is_padding.to(self._dtype) * torch.finfo(self._dtype).min
        self._mask = torch.cat([self._mask, hidden.repeat_interleave(self._heads).view(-1, 1, 1)], dim=2)

    def _choose(self, logits: torch.Tensor, *, is_last: bool) -> torch.Tensor:
        network = self._network
        scores = logits.float()
        scores[:, network.never] = float("-inf")
        if is_last and network.forced_end is not None:
            following = torch.full((len(scores),), network.forced_end, device=self._device)
            chances = torch.zeros(len(scores))
        else:
            best, following = scores.max(dim=1)
            chances = best - torch.logsumexp(scores, dim=1)
        for row, (id_, chance) in enumerate(zip(following.tolist(), chances.tolist())):
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
