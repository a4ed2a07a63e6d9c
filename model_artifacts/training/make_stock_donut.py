"""Makes an archive's my_model/ with a Donut of stock size and random weights: `make_stock_donut.py [FOLDER]`.

Its results are nonsense. It shows the serving of a full-size model (loading time, memory, limits) without a real
checkpoint: the stock network (Swin 2-2-14-2, window 10, 4 decoder layers) at 960x640 pixels, the size of the published
fine-tuned receipts models, with the small model's tokenizer, because the stock one is on a hub only.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from archive import TRAINING_FOLDER
from donut_configuration import is_sized, read_sizes
from make_tokenizer import CONFIGURATION, train_tokenizer
from network_sizes import weight_shapes
import vocabulary

if TYPE_CHECKING:
    from network_sizes import NetworkSizes

DEFAULT_FOLDER = TRAINING_FOLDER.parents[1] / "build" / "stock_donut" / "my_model"
STOCK_CONFIGURATION = {
    "model_type": "donut",
    "input_size": [960, 640],
    "align_long_axis": False,
    "window_size": 10,
    "encoder_layer": [2, 2, 14, 2],
    "decoder_layer": 4,
    "max_length": 128,
    "max_position_embeddings": 768,
    "special_tokens": CONFIGURATION["special_tokens"],
    "task_prompt": CONFIGURATION["task_prompt"],
}


def write_model_folder(folder: Path, configuration: dict[str, Any]) -> None:
    """Writes a Donut's random weights, its configuration and its tokenizer into a folder, made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / vocabulary.TOKENIZER_FILE).write_bytes(train_tokenizer())
    (folder / "config.json").write_text(json.dumps(configuration, indent=2) + "\n", encoding="utf-8")
    tokenizer = vocabulary.read_tokenizer(folder)
    separator_first = not is_sized(configuration)
    vocabulary.add_as_donut_does(tokenizer, configuration["special_tokens"], separator_first=separator_first)
    sizes = read_sizes(folder, configuration, len(tokenizer))
    torch.save(random_weights(sizes), str(folder / "model.pth"))


def random_weights(sizes: NetworkSizes) -> dict[str, torch.Tensor]:
    """Returns weights of these sizes, the same every time, with the spread that Swin and MBart begin with."""
    torch.manual_seed(0)
    weights = {}
    for name, shape in weight_shapes(sizes).items():
        if "norm" in name:
            weights[name] = torch.ones(shape) if name.endswith(".weight") else torch.zeros(shape)
        else:
            weights[name] = torch.empty(shape).normal_(std=0.02)
    # One matrix, as in the stock network.
    weights["decoder.model.lm_head.weight"] = weights["decoder.model.model.decoder.embed_tokens.weight"]
    return weights


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make a Donut of stock size with random weights.")
    parser.add_argument("folder", type=Path, nargs="?", default=DEFAULT_FOLDER, help="my_model/ to write")
    write_model_folder(parser.parse_args().folder, STOCK_CONFIGURATION)
