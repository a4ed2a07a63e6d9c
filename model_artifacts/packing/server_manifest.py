"""The file by which Multi Model Server finds the handler of an archive.

Without it, it uses the serving toolkit's own, which has no batches (docs/decisions/0027). TorchServe's toolkit makes an
archive of its own, with a manifest of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from async_endpoint.protocol.serving_images import ModelServer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from async_endpoint.protocol.serving_images import ServingImage

MANIFEST: Final = "MAR-INF/MANIFEST.json"
HANDLER: Final = "code/multi_model_server.py"

_CONTENT = Path(__file__).with_name("multi_model_server.json")


def manifest_files(packed: Mapping[str, Path], image: ServingImage) -> dict[str, Path]:
    """Returns the manifest, by its name in the archive; nothing if the archive needs none.

    Args:
        packed: The archive's other files, by name. One with the handler gets a manifest, unless it has its own.
        image: The image that the archive is for.
    """
    if image.server is not ModelServer.MULTI_MODEL_SERVER or HANDLER not in packed or MANIFEST in packed:
        return {}
    return {MANIFEST: _CONTENT}
