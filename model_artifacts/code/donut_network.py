"""A model's network as donut-python computes it, in sizes of one's own.

donut-python 1.0.9 writes the widths of its network into its constructors (`embed_dim=128`, `num_heads=[4, 8, 16, 32]`,
MBart's default of 1024), so that its smallest model has 36 million parameters. The classes here are the same network
with those numbers taken from the configuration; everything else, `inference()` above all, is donut-python's own.
Training trains them, and `encoder` and `network` make them of a loaded model.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from token_parser import SEPARATOR
from weight_checks import EMBEDDING, HEAD

if TYPE_CHECKING:
    from donut_model import Donut


class SizedDonutConfig(DonutConfig):
    """Donut's configuration with the widths that donut-python fixes.

    Args:
        encoder_embed_dim: Channels after the patch embedding; they double at every encoder stage.
        encoder_heads: Attention heads of each encoder stage.
        encoder_positions: Whether the encoder has absolute position embeddings.
        decoder_heads: Attention heads of each decoder layer.
        decoder_ffn_dim: Width of the decoder's feed-forward layers.
        decoder_options: Further options of MBartConfig.
        special_tokens: Tokens added to the tokenizer, in the order of Donut's own rule (sorted).
        task_prompt: Token that starts a result, such as `<s_receipt>`.
        **kwargs: What `donut.DonutConfig` takes.
    """

    def __init__(
        self,
        *,
        encoder_embed_dim: int = 128,
        encoder_heads: list[int] | None = None,
        encoder_positions: bool = True,
        decoder_heads: int = 16,
        decoder_ffn_dim: int = 4096,
        decoder_options: dict[str, Any] | None = None,
        special_tokens: list[str] | None = None,
        task_prompt: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.encoder_embed_dim = encoder_embed_dim
        self.encoder_heads = encoder_heads or [4, 8, 16, 32]
        self.encoder_positions = encoder_positions
        self.decoder_heads = decoder_heads
        self.decoder_ffn_dim = decoder_ffn_dim
        self.decoder_options = decoder_options or {}
        self.special_tokens = special_tokens or []
        self.task_prompt = task_prompt

    @property
    def hidden_size(self) -> int:
        """Channels of the encoder's last stage, which the decoder attends to."""
        return self.encoder_embed_dim * 2 ** (len(self.encoder_layer) - 1)


class SizedSwinEncoder(SwinEncoder):
    """Donut's encoder with the configured widths and, if configured, absolute position embeddings.

    A small Swin learns to read only when each patch knows where it is: relative positions within a window are not
    enough at two stages. A larger one does without them.
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
            ape=config.encoder_positions,
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Encode images.

        Args:
            x: Normalised images, (batch, 3, height, width).

        Returns:
            (batch, cells, hidden_size), cells row by row.
        """
        patches = self.model.patch_embed(x)
        return self.model.layers(patches + self.model.absolute_pos_embed if self.model.ape else patches)


class SizedBartDecoder(BARTDecoder):
    """Donut's decoder with the configured widths.

    Args:
        config: Its sizes.
        tokenizer: With all tokens; without it, the tokenizer is read from `config.name_or_path` and the configured
            special tokens are added.
    """

    def __init__(self, config: SizedDonutConfig, tokenizer: XLMRobertaTokenizer | None = None) -> None:
        nn.Module.__init__(self)
        self.decoder_layer = config.decoder_layer
        self.max_position_embeddings = config.max_position_embeddings
        self.tokenizer = tokenizer or XLMRobertaTokenizer.from_pretrained(config.name_or_path)
        self.model = MBartForCausalLM(
            config=MBartConfig(
                is_decoder=True,
                is_encoder_decoder=False,
                add_cross_attention=True,
                d_model=config.hidden_size,
                decoder_layers=config.decoder_layer,
                decoder_attention_heads=config.decoder_heads,
                decoder_ffn_dim=config.decoder_ffn_dim,
                max_position_embeddings=config.max_position_embeddings,
                add_final_layer_norm=True,
                dropout=0.0,
                **{"vocab_size": len(self.tokenizer), "scale_embedding": True, **config.decoder_options},
            ),
        )
        # As in BARTDecoder: cross attention in generate(), and the tokens of the task.
        self.model.forward = self.forward
        self.model.config.is_encoder_decoder = True
        if tokenizer is None:
            self.add_special_tokens([SEPARATOR, *config.special_tokens])
        self.model.model.decoder.embed_tokens.padding_idx = self.tokenizer.pad_token_id
        self.model.prepare_inputs_for_generation = self.prepare_inputs_for_inference


class SizedDonut(DonutModel):
    """A `donut.DonutModel` whose every size comes from its configuration.

    Args:
        config: Sizes; `name_or_path` is a local folder holding `sentencepiece.bpe.model`.
        tokenizer: As of `SizedBartDecoder`.
    """

    config_class = SizedDonutConfig

    def __init__(self, config: SizedDonutConfig, tokenizer: XLMRobertaTokenizer | None = None) -> None:
        super(DonutModel, self).__init__(config)
        self.config = config
        self.encoder = SizedSwinEncoder(config)
        self.decoder = SizedBartDecoder(config, tokenizer)


def encoder(model: Donut) -> nn.Module:
    """Returns the encoder, on the model's device and in its precision."""
    swin = SizedSwinEncoder(_configuration(model))
    _fill(swin, model, "encoder.")
    return swin.to(model.device, model.dtype).eval()


def network(model: Donut) -> SizedDonut:
    """Returns the whole network, on the model's device and in its precision."""
    whole = SizedDonut(_configuration(model), _tokenizer(model))
    if not torch.equal(model.weights[HEAD], model.weights[EMBEDDING]):
        # Of its own, or the last one loaded would be both.
        whole.decoder.model.lm_head.weight = nn.Parameter(torch.empty_like(model.weights[EMBEDDING]))
    _fill(whole, model, "")
    whole.decoder.model.config.forced_eos_token_id = model.config.forced_end
    return whole.to(model.device, model.dtype).eval()


def _configuration(model: Donut) -> SizedDonutConfig:
    sizes = model.sizes
    return SizedDonutConfig(
        input_size=list(sizes.input_size),
        align_long_axis=model.config.align_long_axis,
        window_size=sizes.window_size,
        encoder_layer=list(sizes.encoder_layer),
        encoder_embed_dim=sizes.encoder_embed_dim,
        encoder_heads=list(sizes.encoder_heads),
        encoder_positions=sizes.encoder_positions,
        decoder_layer=sizes.decoder_layer,
        decoder_heads=sizes.decoder_heads,
        decoder_ffn_dim=sizes.decoder_ffn_dim,
        decoder_options={
            "activation_function": sizes.activation,
            "scale_embedding": sizes.scale_embedding,
            "vocab_size": sizes.vocabulary,
        },
        max_position_embeddings=sizes.max_position_embeddings,
        max_length=model.config.max_length,
        task_prompt=model.config.task_prompt,
    )


def _tokenizer(model: Donut) -> XLMRobertaTokenizer:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sentencepiece.bpe.model")
        path.write_bytes(model.tokenizer.pieces)
        tokenizer = XLMRobertaTokenizer(str(path))
    names = sorted(model.tokenizer.added, key=model.tokenizer.added.__getitem__)
    tokenizer.add_special_tokens({"additional_special_tokens": names})
    return tokenizer


def _fill(module: nn.Module, model: Donut, prefix: str) -> None:
    weights = {name[len(prefix) :]: value for name, value in model.weights.items() if name.startswith(prefix)}
    found = module.load_state_dict(weights, strict=False)
    parameters = dict(module.named_parameters())
    # donut-python never uses the norm behind the last stage; what is no parameter is computed.
    missing = [name for name in found.missing_keys if name in parameters and ".model.norm." not in f".{name}"]
    if missing or found.unexpected_keys:
        raise RuntimeError(f"donut-python's network has other weights: {[*missing, *found.unexpected_keys][:3]}.")
