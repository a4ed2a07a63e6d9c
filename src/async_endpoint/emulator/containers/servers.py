"""The model server of each serving image."""

from typing import Final

from async_endpoint.emulator.containers.multi_model_server import MULTI_MODEL_SERVER
from async_endpoint.emulator.containers.server_adapter import ServerAdapter
from async_endpoint.emulator.containers.torchserve import TORCHSERVE
from async_endpoint.protocol import serving_images

SERVERS: Final = {
    serving_images.ModelServer.TORCHSERVE: TORCHSERVE,
    serving_images.ModelServer.MULTI_MODEL_SERVER: MULTI_MODEL_SERVER,
}


def server_of(image: serving_images.ServingImage) -> ServerAdapter:
    """Returns what serves models in an image."""
    return SERVERS[image.server]
