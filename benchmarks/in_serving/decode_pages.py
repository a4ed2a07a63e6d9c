"""Processes receipts with the stock `DonutModel.inference` and with the lean decoder, in turns, one page at a time.

Run by the serving environment's Python with the archive's code, its packages and the training folder on the path:

    python decode_pages.py MODEL_FOLDER PAGES [MAX_LENGTH]

Both ways begin with an image and end with its fields. Prints one line of JSON: seconds of each, and on how many pages
the tokens were the same.
"""

from __future__ import annotations

import json
from pathlib import Path
import sys
import time

import torch

from donut_loading import load_model
from greedy_decoder import GreedyDecoder
import library_network
from page_canvas import Canvas
from rendering import make_page
from result_tokens import prediction_of


class Stock:
    """The stock way; also records the decoded tokens."""

    def __init__(self, model):
        self._network = library_network.network(model)
        self._prompt = model.config.task_prompt
        self._generate = self._network.decoder.model.generate
        self._network.decoder.model.generate = self._noting
        self.tokens = []

    def _noting(self, *arguments, **options):
        output = self._generate(*arguments, **options)
        self.tokens = output.sequences[0].tolist()
        return output

    def read(self, image):
        """Returns the fields."""
        return self._network.inference(image=image, prompt=self._prompt)["predictions"][0]


class Lean:
    """The archive's way."""

    def __init__(self, model):
        self._model = model
        self._canvas = Canvas.from_model(model)
        self._encoder = library_network.encoder(model)
        self._decoder = GreedyDecoder(model)
        self._prompt = model.tokenizer.ids_of(model.config.task_prompt)
        self.tokens = []

    def read(self, image):
        """Returns the fields."""
        tensor = self._model.to_tensor(self._canvas.fit(image)).unsqueeze(0)
        cells = self._encoder(tensor)
        self.tokens = self._decoder.decode(cells, [self._prompt])[0].ids
        return prediction_of(self._model, self.tokens)


def main(folder, pages, max_length=None):
    """Measures both ways and prints the numbers."""
    model = load_model(Path(folder))
    if max_length is not None:
        model.config.max_length = int(max_length)
    ways = {"stock": Stock(model), "lean": Lean(model)}
    images = [make_page("evaluation", index).image.convert("RGB") for index in range(int(pages))]
    seconds = dict.fromkeys(ways, 0.0)
    same_tokens = same_fields = tokens = 0
    with torch.no_grad():
        for way in ways.values():
            way.read(images[0])
        for number, image in enumerate(images):
            fields = {}
            # By turns, the first one too: what else this machine does then weighs on both alike.
            for name in list(ways)[:: 1 if number % 2 else -1]:
                began = time.perf_counter()
                fields[name] = ways[name].read(image)
                seconds[name] += time.perf_counter() - began
            same_tokens += ways["stock"].tokens == ways["lean"].tokens
            same_fields += fields["stock"] == fields["lean"]
            tokens += len(ways["lean"].tokens)
    result = {
        "pages": len(images),
        "same_tokens": same_tokens,
        "same_fields": same_fields,
        "tokens_a_page": tokens / len(images),
        "parameters": sum(weights.numel() for weights in model.weights.values()),
        "threads": torch.get_num_threads(),
        **{f"{name}_seconds": value for name, value in seconds.items()},
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
