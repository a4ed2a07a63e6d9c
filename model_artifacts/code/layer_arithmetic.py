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
        return functional.layer_norm(hidden, self._weight.shape, self._weight, self._bias)


class BlockedLinear:
    """A linear layer for many rows on a CPU, by oneDNN where this PyTorch has it.

    PyTorch 1.11 multiplies by MKL 2020.0, which has no fast kernels for AMD processors; oneDNN, which PyTorch brings
    too, has them for all. A few rows are faster without: each call costs some 20 microseconds more.

    Args:
        weight: (outputs, inputs).
        bias: (outputs,), or None.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        module = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
        module.weight = nn.Parameter(weight, requires_grad=False)
        if bias is not None:
            module.bias = nn.Parameter(bias, requires_grad=False)
        self._module = mkldnn.to_mkldnn(module) if torch.backends.mkldnn.is_available() else module

    def __call__(self, rows: Tensor) -> Tensor:
        """Returns the product, in the layout of the argument.

        Args:
            rows: (rows, inputs), dense or in oneDNN's own layout (`blocked`).
        """
        product: Tensor = self._module(rows)
        return product


def blocked(tensor: Tensor) -> Tensor:
    """Returns a tensor in oneDNN's own layout, in which several operations follow one another without conversion."""
    return tensor.to_mkldnn() if torch.backends.mkldnn.is_available() else tensor


def dense(tensor: Tensor) -> Tensor:
    """Returns a tensor of `blocked` in the ordinary layout."""
    return tensor.to_dense() if tensor.is_mkldnn else tensor
