"""Puts the packages that came with the archive first on the import path; imported before anything of theirs.

`vendor/` beside this file holds them, all but what the image brings. Without it (they were installed by pip) nothing
happens.
"""

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "vendor"

if FOLDER.is_dir() and str(FOLDER) not in sys.path:
    sys.path.insert(0, str(FOLDER))
