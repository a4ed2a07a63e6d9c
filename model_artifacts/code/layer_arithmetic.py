"""Single layers of a network as plain functions of tensors, without the modules around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

import torch
from torch import nn
from torch.nn import functional
from torch.utils import mkldnn

if TYPE_CHECKING:
    from torch import Tensor

# By the names of transformers' configurations.
ACTIVATIONS = {"gelu": functional.gelu, "relu": functional.relu, "silu": functional.silu, "swish": functional.silu}

# What PyTorch 2.1 has and 1.11 has not: attention as one operation, and products by weights packed for oneDNN, which
# torch.compile uses, too.
_HAS_ATTENTION = tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 1)
_HAS_ONEDNN = torch.backends.mkldnn.is_available()
_PACKS = _HAS_ATTENTION and _HAS_ONEDNN
_onednn = torch.ops.mkldnn


class Norm:
    """The weights of one layer norm.

    Args:
        weights: Of the network, by name.
        name: Of the layer.
    """

    def __init__(self, weights: Mapping[str, Tensor], name: str) -> None:
        self._weight, self._bias = weights[f"{name}.weight"], weights[f"{name}.bias"]

    def __call__(self, hidden: Tensor) -> Tensor:
        """Returns the normalised tensor."""
        return torch.layer_norm(hidden, self._weight.shape, self._weight, self._bias)


class Linear:
    """A linear layer for a few rows.

    The same product as `functional.linear`, which takes PyTorch 2.6 longer: it looks for oneDNN first.

    Args:
        weight: (outputs, inputs).
        bias: (outputs,).
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self._weight, self._bias = weight.t(), bias

    def __call__(self, rows: Tensor) -> Tensor:
        """Returns the product, (rows, outputs).

        Args:
            rows: (rows, inputs).
        """
        return torch.addmm(self._bias, rows, self._weight)

    def add_to(self, sums: Tensor, rows: Tensor) -> None:
        """Adds the product to `sums`, (rows, outputs): a residual connection, without a tensor of its own.

        Args:
            sums: Changed in place.
            rows: (rows, inputs).
        """
        sums += self._bias
        sums.addmm_(rows, self._weight)


class LargeLinear:
    """A linear layer for many rows on a CPU, by oneDNN where this PyTorch has it.

    PyTorch 1.11 multiplies by MKL 2020.0, which has no fast kernels for AMD processors; oneDNN, which PyTorch brings
    too, has them for all. PyTorch 2 can keep the weights in its layout and compute GELU with the product. A few rows
    are faster without: each call costs some 20 microseconds more.

    Args:
        weight: (outputs, inputs).
        bias: (outputs,), or None.
        gelu: Whether GELU follows the product.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None, *, gelu: bool = False) -> None:
        self._bias, self._gelu = bias, gelu
        if _PACKS:
            self._weight = _onednn._reorder_linear_weight(weight)  # noqa: SLF001 - it has no public name
        else:
            self._module = _onednn_module(weight, bias)

    def __call__(self, rows: Tensor) -> Tensor:
        """Returns the product, in the layout of the argument.

        Args:
            rows: (rows, inputs), dense or `blocked`.
        """
        product: Tensor
        if _PACKS:
            after = ("gelu", [], "none") if self._gelu else ("none", [], "")
            product = _onednn._linear_pointwise(rows, self._weight, self._bias, *after)  # noqa: SLF001 - as above
            return product
        product = self._module(rows)
        return functional.gelu(product) if self._gelu else product


def attend_in_windows(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    """Returns what each place sees of its window, (windows, heads, places, width).

    Args:
        query: Already scaled, (windows, heads, places, width), as are key and value.
        key: See query.
        value: See query.
        bias: Added to the scores, (windows, heads, places, places) or of fewer windows, which then repeat.
    """
    windows, heads, places, width = query.shape
    if _HAS_ATTENTION:
        if len(bias) > 1:
            bias = bias.repeat(windows // len(bias), 1, 1, 1)
        seen: Tensor = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=1.0)
        return seen
    query, key, value = (each.reshape(windows * heads, places, width) for each in (query, key, value))
    scores = torch.bmm(query, key.transpose(1, 2))
    scores.view(-1, *bias.shape).add_(bias)
    return torch.bmm(dense(torch.softmax(blocked(scores), dim=-1)), value).view(windows, heads, places, width)


def blocked(tensor: Tensor) -> Tensor:
    """Returns a tensor in oneDNN's own layout, in which several operations follow one another without conversion.

    Packed products take dense tensors.
    """
    return tensor.to_mkldnn() if _HAS_ONEDNN and not _PACKS else tensor


def dense(tensor: Tensor) -> Tensor:
    """Returns a tensor of `blocked` in the ordinary layout."""
    return tensor.to_dense() if tensor.is_mkldnn else tensor


def _onednn_module(weight: Tensor, bias: Tensor | None) -> nn.Module:
    module = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    module.weight = nn.Parameter(weight, requires_grad=False)
    if bias is not None:
        module.bias = nn.Parameter(bias, requires_grad=False)
    return mkldnn.to_mkldnn(module) if _HAS_ONEDNN else module
