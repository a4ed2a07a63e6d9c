"""Makes the images of the README: the demo's output as SVG, and a screenshot of the console as PNG.

It also copies the demo's last line into the README.

`make images` runs it: one whole demo, about three minutes. It needs Chromium.
"""

import io
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.text import Text

from async_endpoint.emulator.launcher import LocalAws
from demo.__main__ import RESULTS, demo, parse_options
from demo.deployment import ROOT, DeploymentError, synthesised_region

IMAGES = ROOT / "docs" / "images"
README = ROOT / "README.md"
_COLUMNS = 116
_PAGE = "_local/endpoints/donut-async-dev?region={region}&refresh=0"
_WINDOW = "1280,1100"
_CHROMIUM_SECONDS = 60


def main() -> int:
    """Runs the demo, writes both images, and returns the demo's exit status."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise DeploymentError("Chromium is missing: install the package chromium, or skip the images.")
    IMAGES.mkdir(exist_ok=True)
    taken = RESULTS / "console.png"
    console = _recording_console()
    console.print("$ make demo", style="bold")
    status = demo(
        replace(parse_options(), keep=False, sleep=True),
        console,
        before_destroy=lambda local: screenshot(chromium, local, taken),
    )
    if status:
        return status
    taken.replace(IMAGES / "console.png")
    last_line = console.export_text(clear=False).strip().splitlines()[-1]
    (IMAGES / "demo.svg").write_text(picture_of(console.export_text(styles=True)), encoding="utf-8")
    README.write_text(with_last_line(README.read_text(encoding="utf-8"), last_line), encoding="utf-8")
    return status


def screenshot(chromium: str, local: LocalAws, image: Path) -> None:
    """Has Chromium draw the console's page of the endpoint."""
    address = f"{local.endpoint_url}/{_PAGE.format(region=synthesised_region())}"
    subprocess.run(
        [
            chromium, "--headless", "--no-sandbox", "--hide-scrollbars", f"--window-size={_WINDOW}",
            f"--screenshot={image}", address,
        ],
        check=True,
        capture_output=True,
        timeout=_CHROMIUM_SECONDS,
    )  # fmt: skip


def with_last_line(text: str, line: str) -> str:
    """Returns a text whose line with the demo's numbers is replaced."""
    replaced, count = re.subn(r"^\d+ documents, \d+ completed, .*$", lambda _: line, text, flags=re.MULTILINE)
    if count != 1:
        raise DeploymentError(f"README.md has {count} lines with the demo's numbers; expected one.")
    return replaced


def picture_of(output: str) -> str:
    """Draws the demo's output as SVG; of the lines that count documents, only the last of each kind."""
    console = _recording_console(file=io.StringIO())
    lines = [line for line in output.splitlines() if not _is_intermediate(line)]
    console.print(Text.from_ansi("\n".join(lines)))
    svg = console.export_svg(title="make demo")
    # A page that shows an SVG as an image loads no fonts for it.
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


def _is_intermediate(line: str) -> bool:
    count = re.fullmatch(r"\w+ (\d+)/(\d+)", line)
    return count is not None and count[1] != count[2]


def _recording_console(file: IO[str] | None = None) -> Console:
    return Console(file=file, record=True, highlight=False, force_terminal=False, width=_COLUMNS)


if __name__ == "__main__":
    sys.exit(main())
