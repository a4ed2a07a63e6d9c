"""A pickle module for `torch.load` that rebuilds tensors and nothing else.

A pickle can name any function to call while it is read. torch 1.11 has no `weights_only`, so the names are checked
here, on every image: a file of weights loads, a file that holds Python objects is rejected before any of it has run.
"""

import pickle
from typing import Any, BinaryIO

ALLOWED = {
    ("collections", "OrderedDict"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_parameter"),
    ("torch", "Size"),
}


class ForbiddenNameError(pickle.UnpicklingError):
    """The pickle names something that is not part of a tensor."""


class Unpickler(pickle.Unpickler):
    """Finds the names that tensors need and rejects every other."""

    def find_class(self, module: str, name: str) -> Any:
        """Returns the named class or function.

        Raises:
            ForbiddenNameError: It is not part of a tensor.
        """
        is_storage = module == "torch" and name.endswith("Storage")
        if not is_storage and (module, name) not in ALLOWED:
            raise ForbiddenNameError(f"{module}.{name}")
        return super().find_class(module, name)


def load(file: BinaryIO, **options: Any) -> Any:
    """Reads one pickle, as `pickle.load` does (torch's older file format calls it)."""
    return Unpickler(file, **options).load()
