"""Gives transformers the names that the released Hugging Face toolkit imports from it.

The image holds a commit of the toolkit that fits its transformers and that no package index has. The release before it,
2.6.0, imports `is_tf_available`, which transformers 5 no longer has; the answer is no. Run at the start of every
interpreter of a container; standard library only.
"""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

_MODULE = "transformers.file_utils"
_NAME = "is_tf_available"


class _Finder:
    """Finds that module as if it were not there, and adds the name when it is loaded."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        """Returns the spec of the module; None for every other one."""
        del path, target
        if name != _MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_with_name(module: Any) -> None:
                load(module)
                if not hasattr(module, _NAME):
                    setattr(module, _NAME, lambda: False)

            spec.loader.exec_module = load_with_name  # type: ignore[method-assign] # of this one module
        return spec


def install() -> None:
    """Adds the name when the module is imported."""
    sys.meta_path.insert(0, _Finder())
