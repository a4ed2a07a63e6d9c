"""Functions of one file, in a local AWS."""

import io
import zipfile
from typing import Any

from tests.emulator.fakes import ACCOUNT


def create_function(functions: Any, name: str, source: str, *, seconds: int = 30, **variables: str) -> None:
    """Creates a function of this code with these variables; it may run for so many seconds."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", source)
    functions.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=f"arn:aws:iam::{ACCOUNT}:role/any",
        Handler="app.handler",
        Code={"ZipFile": code.getvalue()},
        Timeout=seconds,
        Environment={"Variables": variables},
    )
