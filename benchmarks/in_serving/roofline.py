"""How soon a processor could do a page's arithmetic alone: `roofline.py MODEL_FOLDER IMAGE_FOLDER`.

Prints one line of JSON: the floating-point operations of a page (products of matrices, which are all but a few percent
of them; the tokens are those that the images really take), and the most that one core was measured to do a second.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
import sys
import time

from PIL import Image
import torch
from torch import nn
from torch.utils import mkldnn

from cpu_tuning import tune_cpu
from donut_loading import load_model
from greedy_decoder import GreedyDecoder
import library_network
from page_canvas import Canvas

SIDE = 1024
ROUNDS = 12


def flops_of_encoder(encoder, images):
    """Returns the operations of one page's encoder."""
    counted = []

    def count(module, inputs, output):
        if isinstance(module, nn.Linear):
            counted.append(2 * output.numel() * module.in_features)
        elif isinstance(module, nn.Conv2d):
            counted.append(2 * output.numel() * module.weight[0].numel())
        elif type(module).__name__ == "WindowAttention":
            windows, places, width = inputs[0].shape
            counted.append(4 * windows * places * places * width)

    hooks = [module.register_forward_hook(count) for module in encoder.modules()]
    with torch.no_grad():
        encoder(images)
    for hook in hooks:
        hook.remove()
    return sum(counted) / len(images)


def flops_of_decoder(model, cells, tokens):
    """Returns the operations of a result with this many tokens."""
    sizes = model.sizes
    width, layers = sizes.hidden_size, sizes.decoder_layer
    linear = layers * (6 * width * width + 2 * width * sizes.decoder_ffn_dim)
    once = layers * 2 * width * width * cells
    seen = layers * 2 * width * (cells + tokens / 2)
    return 2 * (once + tokens * (linear + seen + width * sizes.vocabulary))


def most_flops_a_second():
    """Returns the most that this core does on large matrices, by the faster of PyTorch's two libraries."""
    layer, rows = nn.Linear(SIDE, SIDE), torch.randn(SIDE, SIDE)
    ways = [lambda: torch.mm(rows, layer.weight)]
    if torch.backends.mkldnn.is_available():
        packed, blocked = mkldnn.to_mkldnn(layer), rows.to_mkldnn()
        ways.append(lambda: packed(blocked))
    fastest = float("inf")
    with torch.no_grad():
        for way in ways:
            for _ in range(ROUNDS):
                began = time.perf_counter()
                way()
                fastest = min(fastest, time.perf_counter() - began)
    return 2 * SIDE**3 / fastest


def main(model_folder, image_folder):
    """Measures and prints."""
    tune_cpu()
    torch.set_num_threads(1)
    model = load_model(Path(model_folder))
    encoder, canvas = library_network.encoder(model), Canvas.from_model(model)
    files = sorted(Path(image_folder).glob("*.jpg"))
    images = torch.stack(
        [model.to_tensor(canvas.fit(Image.open(io.BytesIO(file.read_bytes())).convert("RGB"))) for file in files]
    )
    with torch.no_grad():
        cells = encoder(images)
    prompt = model.tokenizer.ids_of(model.config.task_prompt)
    results = GreedyDecoder(model).decode(cells, [prompt] * len(files))
    tokens = sum(len(result.ids) for result in results) / len(results)
    found = {
        "flops_a_page": flops_of_encoder(encoder, images[:1]) + flops_of_decoder(model, cells.shape[1], tokens),
        "flops_a_second": most_flops_a_second(),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
