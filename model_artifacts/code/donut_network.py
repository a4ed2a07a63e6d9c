"""Donut in sizes of one's own.

donut-python 1.0.9 writes the widths of its network into its constructors (`embed_dim=128`, `num_heads=[4, 8, 16, 32]`,
MBart's default of 1024), so that its smallest model has 36 million parameters. The classes here are the same network
with those figures taken from the configuration; everything else, `inference()` above all, is donut-python's own.
"""

from __future__ import annotations

from typing import Any

import torch
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import nn
from torchvision import transforms

from donut_library import (
    BARTDecoder,
    DonutConfig,
    DonutModel,
    MBartConfig,
    MBartForCausalLM,
    SwinEncoder,
    SwinTransformer,
    XLMRobertaTokenizer,
)


class SizedDonutConfig(DonutConfig):
    """Donut's configuration with the widths that donut-python fixes.

    Args:
        encoder_embed_dim: Channels after the patch embedding; they double at every encoder stage.
        encoder_heads: Attention heads of each encoder stage.
        decoder_heads: Attention heads of each decoder layer.
        decoder_ffn_dim: Width of the decoder's feed-forward layers.
        special_tokens: Tokens added to the tokenizer, in the order of Donut's own rule (sorted).
        task_prompt: Token that starts a result, such as `<s_receipt>`.
        **kwargs: What `donut.DonutConfig` takes.
    """

    def __init__(
        self,
        *,
        encoder_embed_dim: int = 128,
        encoder_heads: list[int] | None = None,
        decoder_heads: int = 16,
        decoder_ffn_dim: int = 4096,
        special_tokens: list[str] | None = None,
        task_prompt: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.encoder_embed_dim = encoder_embed_dim
        self.encoder_heads = encoder_heads or [4, 8, 16, 32]
        self.decoder_heads = decoder_heads
        self.decoder_ffn_dim = decoder_ffn_dim
        self.special_tokens = special_tokens or []
        self.task_prompt = task_prompt

    @property
    def hidden_size(self) -> int:
        """Channels of the encoder's last stage, which the decoder attends to."""
        return self.encoder_embed_dim * 2 ** (len(self.encoder_layer) - 1)


class SizedSwinEncoder(SwinEncoder):
    """Donut's encoder with the configured widths and absolute position embeddings.

    A small Swin learns to read only when each patch knows where it is: relative positions within a window are not
    enough at two stages.
    """

    def __init__(self, config: SizedDonutConfig) -> None:
        # SwinEncoder's own constructor builds the fixed sizes: its part is done here instead.
        nn.Module.__init__(self)
        self.input_size = config.input_size
        self.align_long_axis = config.align_long_axis
        self.window_size = config.window_size
        self.encoder_layer = config.encoder_layer
        self.to_tensor = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize(IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD)],
        )
        self.model = SwinTransformer(
            img_size=config.input_size,
            depths=config.encoder_layer,
            window_size=config.window_size,
            patch_size=4,
            embed_dim=config.encoder_embed_dim,
            num_heads=config.encoder_heads,
            num_classes=0,
            drop_path_rate=0.0,
            ape=True,
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Encode images.

        Args:
            x: Normalised images, (batch, 3, height, width).

        Returns:
            (batch, cells, hidden_size), cells row by row.
        """
        return self.model.layers(self.model.patch_embed(x) + self.model.absolute_pos_embed)


class SizedBartDecoder(BARTDecoder):
    """Donut's decoder with the configured widths, its tokenizer read from `config.name_or_path`."""

    def __init__(self, config: SizedDonutConfig) -> None:
        nn.Module.__init__(self)
        self.decoder_layer = config.decoder_layer
        self.max_position_embeddings = config.max_position_embeddings
        self.tokenizer = XLMRobertaTokenizer.from_pretrained(config.name_or_path)
        self.model = MBartForCausalLM(
            config=MBartConfig(
                is_decoder=True,
                is_encoder_decoder=False,
                add_cross_attention=True,
                vocab_size=len(self.tokenizer),
                d_model=config.hidden_size,
                decoder_layers=config.decoder_layer,
                decoder_attention_heads=config.decoder_heads,
                decoder_ffn_dim=config.decoder_ffn_dim,
                max_position_embeddings=config.max_position_embeddings,
                scale_embedding=True,
                add_final_layer_norm=True,
                dropout=0.0,
            ),
        )
        # As in BARTDecoder: cross attention in generate(), and the tokens of the task.
        self.model.forward = self.forward
        self.model.config.is_encoder_decoder = True
        self.add_special_tokens(["<sep/>", *config.special_tokens])
        self.model.model.decoder.embed_tokens.padding_idx = self.tokenizer.pad_token_id
        self.model.prepare_inputs_for_generation = self.prepare_inputs_for_inference


class SizedDonut(DonutModel):
    """A `donut.DonutModel` whose every size comes from its configuration.

    Args:
        config: Sizes; `name_or_path` is a local folder holding `sentencepiece.bpe.model`.
    """

    config_class = SizedDonutConfig

    def __init__(self, config: SizedDonutConfig) -> None:
        super(DonutModel, self).__init__(config)
        self.config = config
        self.encoder = SizedSwinEncoder(config)
        self.decoder = SizedBartDecoder(config)
