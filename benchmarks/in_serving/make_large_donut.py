"""Makes a my_model/ with a Donut of stock widths, 36 million random parameters: `make_large_donut.py FOLDER`.

The fewest layers that donut-python's widths allow, on a small canvas: a step of its decoder costs as much as
a published model's step with fewer layers.
"""

from pathlib import Path
import sys

from make_stock_donut import STOCK_CONFIGURATION, write_model_folder

write_model_folder(
    Path(sys.argv[1]),
    {
        **STOCK_CONFIGURATION,
        "input_size": [256, 256],
        "window_size": 2,
        "encoder_layer": [1, 1, 1, 1],
        "decoder_layer": 1,
        "max_length": 128,
        "max_position_embeddings": 128,
    },
)
