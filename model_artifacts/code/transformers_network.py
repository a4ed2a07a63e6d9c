"""A model's network as Hugging Face's transformers computes it: DonutSwinModel and MBartForCausalLM, of 4.43 to 5."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

# Every model is read from a folder; a name that is not one must fail, not be looked up on a hub.
os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from torch import nn
from transformers import (
    DonutSwinConfig,
    DonutSwinModel,
    MBartConfig,
    MBartForCausalLM,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
)
from transformers.models.donut.modeling_donut_swin import DonutSwinSelfAttention

from network_sizes import PATCH_SIDE
from weight_names import to_transformers

if TYPE_CHECKING:
    from donut_model import Donut
    from network_sizes import NetworkSizes


class _Cells(nn.Module):
    """An encoder that returns its cells alone."""

    def __init__(self, swin: nn.Module) -> None:
        super().__init__()
        self.swin = swin

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Returns (pages, cells, hidden size)."""
        cells: torch.Tensor = self.swin(images).last_hidden_state
        return cells


def encoder(model: Donut) -> nn.Module:
    """Returns the encoder, on the model's device and in its precision."""
    swin = _swin(model.sizes)
    _fill(swin, model, "encoder.")
    return _Cells(swin).to(model.device, model.dtype).eval()


def network(model: Donut) -> Any:
    """Returns the whole network, on the model's device and in its precision."""
    swin, decoder = _swin(model.sizes), _decoder(model.sizes)
    _fill(swin, model, "encoder.")
    _fill(decoder, model, "decoder.")
    configuration = VisionEncoderDecoderConfig.from_encoder_decoder_configs(swin.config, decoder.config)
    whole = VisionEncoderDecoderModel(config=configuration, encoder=swin, decoder=decoder)
    return whole.to(model.device, model.dtype).eval()


def _swin(sizes: NetworkSizes) -> DonutSwinModel:
    configuration = DonutSwinConfig(
        image_size=list(sizes.input_size),
        patch_size=PATCH_SIDE,
        embed_dim=sizes.encoder_embed_dim,
        depths=list(sizes.encoder_layer),
        num_heads=list(sizes.encoder_heads[: len(sizes.encoder_layer)]),
        window_size=sizes.window_size,
        use_absolute_embeddings=sizes.encoder_positions,
    )
    swin = DonutSwinModel(configuration, add_pooling_layer=False)
    if sizes.encoder_positions:
        # transformers makes room for one position more than there are patches, and fails in its own addition.
        shape = (1, sizes.patches, sizes.encoder_embed_dim)
        swin.embeddings.position_embeddings = nn.Parameter(torch.zeros(shape))
    for stage, layer in zip(sizes.stages, swin.encoder.layers):
        if stage.window < sizes.window_size:
            # Where the page is smaller than a window, transformers' table of positions is still the window's.
            for block in layer.blocks:
                block.attention.self = DonutSwinSelfAttention(configuration, stage.channels, stage.heads, stage.window)
    return swin


def _decoder(sizes: NetworkSizes) -> MBartForCausalLM:
    return MBartForCausalLM(
        MBartConfig(
            is_decoder=True,
            is_encoder_decoder=False,
            add_cross_attention=True,
            add_final_layer_norm=True,
            d_model=sizes.hidden_size,
            decoder_layers=sizes.decoder_layer,
            decoder_attention_heads=sizes.decoder_heads,
            decoder_ffn_dim=sizes.decoder_ffn_dim,
            max_position_embeddings=sizes.max_position_embeddings,
            vocab_size=sizes.vocabulary,
            scale_embedding=sizes.scale_embedding,
            activation_function=sizes.activation,
            tie_word_embeddings=False,
        )
    )


def _fill(module: nn.Module, model: Donut, prefix: str) -> None:
    weights = to_transformers({name: value for name, value in model.weights.items() if name.startswith(prefix)})
    found = module.load_state_dict({name[len(prefix) :]: value for name, value in weights.items()}, strict=False)
    # What it computes itself is no weight.
    missing = [name for name in found.missing_keys if not name.endswith("relative_position_index")]
    if missing or found.unexpected_keys:
        raise RuntimeError(f"transformers' network has other weights: {[*missing, *found.unexpected_keys][:3]}.")
