"""The one place where donut-python is imported: with the network closed, and without its training tools.

`import donut` takes nine seconds on the serving image, six of them for `donut.util`, whose data sets and metrics
(datasets, nltk, zss) only training uses. An instance that wakes from zero need not pay for them: the package is set
up here without its `__init__`, whose names stay available and load `donut.util` when one of them is asked for.
"""

import importlib
import importlib.util
import os
import sys

# Every model and tokenizer is read from a folder; a name that is not one must fail, not be looked up on a hub.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"


def _set_up_package() -> None:
    specification = importlib.util.find_spec("donut")
    if "donut" in sys.modules or specification is None:
        return
    package = importlib.util.module_from_spec(specification)
    sys.modules["donut"] = package
    model = importlib.import_module("donut.model")
    package.DonutConfig, package.DonutModel = model.DonutConfig, model.DonutModel
    package.__getattr__ = lambda name: getattr(importlib.import_module("donut.util"), name)


_set_up_package()

from donut.model import (  # noqa: E402 - after the settings above, which are read on import
    BARTDecoder,
    DonutConfig,
    DonutModel,
    MBartConfig,
    MBartForCausalLM,
    SwinEncoder,
    SwinTransformer,
    XLMRobertaTokenizer,
)

__all__ = [
    "BARTDecoder",
    "DonutConfig",
    "DonutModel",
    "MBartConfig",
    "MBartForCausalLM",
    "SwinEncoder",
    "SwinTransformer",
    "XLMRobertaTokenizer",
]
