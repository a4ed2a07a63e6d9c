"""The `multi-model-server` of a container. A script, run by the overlay's Python with the arguments of the real one.

It starts the installed Multi Model Server, and makes it measure this machine once instead of each minute: the measuring
Python process would look like the model's work where AWS's clock is fast. It has no variable for that.

Standard library only until the server starts.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

_ONCE = 2**31 - 1  # seconds until the next time


def spare_system_metrics(arguments: list[str]) -> None:
    """Adds the setting to the configuration file that the toolkit has written."""
    if "--mms-config" in arguments[:-1]:
        with Path(arguments[arguments.index("--mms-config") + 1]).open("a", encoding="utf-8") as configuration:
            configuration.write(f"\nmetric_time_interval={_ONCE}\n")


def main() -> None:
    """Starts Multi Model Server."""
    sys.path.pop(0)  # this script's own folder: in a container none of our code is on the import path
    spare_system_metrics(sys.argv)
    server: Any = importlib.import_module("mms.model_server")
    server.start()


if __name__ == "__main__":
    main()
