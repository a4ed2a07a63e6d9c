"""Writes the bundled model as Hugging Face's transformers saves a Donut, without transformers."""

import json
import shutil

import torch

from archive_worker import ARCHIVE

SMALL = ARCHIVE / "my_model"
CONFIGURATION = json.loads((SMALL / "config.json").read_text(encoding="utf-8"))
# donut-python normalises with ImageNet's means, which the weights were trained with; transformers by default does not.
PREPROCESSOR = {
    "do_align_long_axis": False,
    "do_normalize": True,
    "do_pad": True,
    "do_rescale": True,
    "do_resize": True,
    "do_thumbnail": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_processor_type": "DonutImageProcessor",
    "image_std": [0.229, 0.224, 0.225],
    "resample": 2,
    "size": {"height": 192, "width": 128},
}
MODEL = {
    "architectures": ["VisionEncoderDecoderModel"],
    "model_type": "vision-encoder-decoder",
    "is_encoder_decoder": True,
    "tie_word_embeddings": False,
    "encoder": {
        "model_type": "donut-swin",
        "image_size": [192, 128],
        "depths": [2, 2],
        "embed_dim": 48,
        "num_heads": [2, 4],
        "num_layers": 2,
        "hidden_size": 96,
        "window_size": 8,
        "patch_size": 4,
        "use_absolute_embeddings": False,
    },
    "decoder": {
        "model_type": "mbart",
        "is_decoder": True,
        "is_encoder_decoder": False,
        "add_cross_attention": True,
        "add_final_layer_norm": True,
        "scale_embedding": True,
        "activation_function": "gelu",
        "d_model": 96,
        "decoder_layers": 2,
        "decoder_attention_heads": 4,
        "decoder_ffn_dim": 384,
        "encoder_layers": 2,
        "max_position_embeddings": 144,
        "vocab_size": 96,
    },
}
GENERATION = {"bos_token_id": 0, "eos_token_id": 2, "forced_eos_token_id": 2, "pad_token_id": 1}


def special_tokens():
    return sorted(["<sep/>", *CONFIGURATION["special_tokens"]])


def weights():
    """The bundled model's weights under transformers' names; its position embeddings have no place there."""
    own = torch.load(str(SMALL / "model.pth"), map_location="cpu")
    renamed = {}
    for name, value in own.items():
        if name.startswith("decoder.model."):
            renamed[name.replace("decoder.model.", "decoder.", 1)] = value
        elif ".attn.qkv." in name:
            block, kind = name.split(".attn.qkv.")
            for part, some in zip(("query", "key", "value"), value.chunk(3)):
                renamed[f"{encoder_name(block)}.attention.self.{part}.{kind}"] = some.clone()
        elif "attn_mask" not in name and "absolute_pos_embed" not in name and "encoder.model.norm" not in name:
            renamed[encoder_name(name)] = value
    return renamed


def encoder_name(name):
    for ours, theirs in (
        ("encoder.model.layers.", "encoder.encoder.layers."),
        ("encoder.model.patch_embed.proj", "encoder.embeddings.patch_embeddings.projection"),
        ("encoder.model.patch_embed.norm", "encoder.embeddings.norm"),
        (".norm1", ".layernorm_before"),
        (".norm2", ".layernorm_after"),
        (".attn.proj", ".attention.output.dense"),
        (".attn.relative", ".attention.self.relative"),
        (".mlp.fc1", ".intermediate.dense"),
        (".mlp.fc2", ".output.dense"),
    ):
        name = name.replace(ours, theirs)
    return name


def write_folder(folder, save, *, configuration=None, preprocessor=PREPROCESSOR, generation=GENERATION, tokens=None):
    """Writes a folder; `save` gets the weights and the folder, and writes their file or files."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(SMALL / "sentencepiece.bpe.model", folder / "sentencepiece.bpe.model")
    files = {
        "config.json": configuration or MODEL,
        "preprocessor_config.json": preprocessor,
        "generation_config.json": generation,
        "special_tokens_map.json": {"additional_special_tokens": tokens or special_tokens()},
    }
    for name, content in files.items():
        if content is not None:
            (folder / name).write_text(json.dumps(content), encoding="utf-8")
    save(weights(), folder)


def save_bin(tensors, folder):
    torch.save(tensors, str(folder / "pytorch_model.bin"))
