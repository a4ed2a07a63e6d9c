"""Functions of one file, in a local AWS of a test's own."""

import io
import zipfile
from typing import Any

from tests.emulator.fakes import ACCOUNT


def create_function(functions: Any, name: str, source: str, **variables: str) -> None:
    """Creates a function of this code with these variables; it may take a quarter of an hour, the most on AWS."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", source)
    functions.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=f"arn:aws:iam::{ACCOUNT}:role/any",
        Handler="app.handler",
        Code={"ZipFile": code.getvalue()},
        Timeout=900,
        Environment={"Variables": variables},
    )
