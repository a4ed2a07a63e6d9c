"""The names of a Donut's weights: donut-python's, by which the code here knows them, and Hugging Face's transformers'.

The rules are those of transformers 4.24 to 5: modeling_donut_swin.py, and convert_donut_to_pytorch.py, which went the
other way. The tensors are the same, except that one product of queries, keys and values is three there.
"""

from __future__ import annotations

import torch

# Of a block of the encoder.
_BLOCK_NAMES = {
    "norm1": "layernorm_before",
    "attn.proj": "attention.output.dense",
    "norm2": "layernorm_after",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
    "attn": "attention.self",
}
_ENCODER_NAMES = {
    "encoder.model.patch_embed.proj": "encoder.embeddings.patch_embeddings.projection",
    "encoder.model.patch_embed.norm": "encoder.embeddings.norm",
    "encoder.model": "encoder.embeddings",
}
_POSITIONS = ("absolute_pos_embed", "position_embeddings")
_QUERY_KEY_VALUE, _PARTS = ".attn.qkv.", ("query", "key", "value")


def names_in_transformers(name: str) -> tuple[str, ...]:
    """Returns the name of a weight there: one, or those of its three parts, in the order of their rows."""
    if name.startswith("decoder.model."):
        return (name.replace("decoder.model.", "decoder.", 1),)
    if _QUERY_KEY_VALUE in name:
        block, kind = name.split(_QUERY_KEY_VALUE)
        return tuple(f"{_layer(block)}.attention.self.{part}.{kind}" for part in _PARTS)
    module, _, kind = name.rpartition(".")
    if module in _ENCODER_NAMES:
        return (f"{_ENCODER_NAMES[module]}.{kind.replace(*_POSITIONS)}",)
    if ".blocks." in module:
        block, _, part = module.partition(".blocks.")
        number, _, part = part.partition(".")
        return (f"{_layer(block)}.blocks.{number}.{_BLOCK_NAMES[part]}.{kind}",)
    return (_layer(name),)


def from_transformers(found: dict[str, torch.Tensor], names: set[str]) -> dict[str, torch.Tensor]:
    """Returns weights under their names here; those that are not among `names` keep the one they have there."""
    weights = dict(found)
    for name in names:
        theirs = names_in_transformers(name)
        if all(each in found for each in theirs):
            parts = [weights.pop(each) for each in theirs]
            weights[name] = parts[0] if len(parts) == 1 else torch.cat(parts)
    return weights


def to_transformers(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Returns weights under their names there."""
    renamed = {}
    for name, value in weights.items():
        theirs = names_in_transformers(name)
        renamed.update(zip(theirs, value.chunk(len(theirs)) if len(theirs) > 1 else (value,)))
    return renamed


def _layer(module: str) -> str:
    return module.replace("encoder.model.layers.", "encoder.encoder.layers.", 1)
