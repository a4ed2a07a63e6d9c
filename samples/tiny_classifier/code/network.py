"""The network, in training and in the container."""

import torch
from torch import nn

SHAPES = ("circle", "square", "triangle", "cross")
SIDE = 16  # pixels


class ShapeNetwork(nn.Sequential):
    """Scores of each shape, (batch, 4), from grey images, (batch, 1, 16, 16) with values from 0 to 1."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(16 * (SIDE // 4) ** 2, len(SHAPES)),
        )


def probabilities(network: ShapeNetwork, images: torch.Tensor) -> torch.Tensor:
    """How sure the network is of each shape, (batch, 4)."""
    with torch.no_grad():
        return network(images).softmax(dim=1)
