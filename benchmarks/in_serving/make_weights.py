"""Makes a my_model/ with this many megabytes of fp32 weights: `make_weights.py FOLDER MEGABYTES`.

Normally distributed, like those of a trained network, because the distribution decides how far they compress.
"""

from pathlib import Path
import sys

import torch

PIECE = 4_000_000  # bytes of one weight

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
torch.manual_seed(0)
pieces = int(sys.argv[2]) * 1_000_000 // PIECE
torch.save({f"weight.{index}": torch.randn(PIECE // 4) * 0.02 for index in range(pieces)}, str(folder / "model.pth"))
