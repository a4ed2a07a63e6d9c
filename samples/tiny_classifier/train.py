"""Trains the shape classifier, and says how many shapes it recognises that it has never seen.

    .venv-serving/bin/python samples/tiny_classifier/train.py

Python 3.8 with the image's torch; half a minute on one thread. The same command gives the same weights on the same
machine.
"""

import json
import sys
from pathlib import Path

import torch
from torch import nn

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER / "code"))

from network import SHAPES, SIDE, ShapeNetwork, probabilities  # noqa: E402 - it lies in the archive's code

STEPS = 3000
BATCH = 64
HELD_OUT = 4000
SAMPLES = 12
# Training and held-out images come from generators of their own: none is in both.
TRAINING_SEED, HELD_OUT_SEED, SAMPLE_SEED = 1, 2, 3


def draw(count: int, generator: torch.Generator) -> "tuple[torch.Tensor, torch.Tensor]":
    """Images of shapes at any place, size and turn, with noise and little contrast; (count, 1, 16, 16), and indices."""

    def between(low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand(count, 1, 1, generator=generator)

    which = torch.randint(len(SHAPES), (count,), generator=generator)
    radius, turn = between(3.5, 6.0), between(0.0, 6.2832)
    row, column = between(6.5, 8.5), between(6.5, 8.5)
    grid = torch.arange(SIDE, dtype=torch.float32)
    down, right = grid[None, :, None] - row, grid[None, None, :] - column
    x, y = right * turn.cos() + down * turn.sin(), down * turn.cos() - right * turn.sin()
    # How far a pixel lies outside of each shape; negative inside.
    outside = torch.stack(
        [
            (x**2 + y**2).sqrt() - radius,
            torch.maximum(x.abs(), y.abs()) - 0.85 * radius,
            torch.maximum(-y, 0.866 * x.abs() + 0.5 * y) - 0.6 * radius,
            torch.minimum(
                torch.maximum(x.abs() - radius, y.abs() - 0.3 * radius),
                torch.maximum(y.abs() - radius, x.abs() - 0.3 * radius),
            ),
        ]
    )[which, torch.arange(count)]
    inside = (0.5 - outside).clamp(0, 1)
    paper, ink = between(0.0, 0.3), between(0.6, 1.0)
    noise = 0.1 * torch.randn(count, SIDE, SIDE, generator=generator)
    return (paper + (ink - paper) * inside + noise).clamp(0, 1)[:, None], which


def train() -> ShapeNetwork:
    """Trains for a fixed number of steps, on images that are drawn as they are needed."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(TRAINING_SEED)
    network = ShapeNetwork()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for _ in range(STEPS):
        images, which = draw(BATCH, generator)
        loss = nn.functional.cross_entropy(network(images), which)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval()


def write_samples(folder: Path) -> None:
    """Writes requests with what is on them, each drawn after the last and seen by no training."""
    images, which = draw(SAMPLES, torch.Generator().manual_seed(SAMPLE_SEED))
    with (folder / "samples.jsonl").open("w", encoding="utf-8", newline="\n") as lines:
        for image, index in zip(images[:, 0], which):
            pixels = [[round(value, 2) for value in row] for row in image.tolist()]
            lines.write(json.dumps({"shape": SHAPES[int(index)], "request": {"pixels": pixels}}) + "\n")


def main() -> None:
    """Train, measure and write."""
    torch.set_num_threads(1)
    network = train()
    images, which = draw(HELD_OUT, torch.Generator().manual_seed(HELD_OUT_SEED))
    right = probabilities(network, images).argmax(dim=1) == which
    (FOLDER / "my_model").mkdir(exist_ok=True)
    torch.save(network.state_dict(), str(FOLDER / "my_model" / "model.pth"))
    write_samples(FOLDER)
    by_shape = {name: round(float(right[which == index].float().mean()), 4) for index, name in enumerate(SHAPES)}
    print(json.dumps({"held_out": HELD_OUT, "right": round(float(right.float().mean()), 4), "by_shape": by_shape}))  # noqa: T201 - the command's answer


if __name__ == "__main__":
    main()
