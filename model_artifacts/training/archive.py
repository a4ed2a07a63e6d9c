"""Where the parts of the archive lie; importing this puts the archive's code on the import path, as serving does."""

from pathlib import Path
import sys

TRAINING_FOLDER = Path(__file__).resolve().parent
CODE_FOLDER = TRAINING_FOLDER.parent / "code"
MODEL_FOLDER = TRAINING_FOLDER.parent / "my_model"

if str(CODE_FOLDER) not in sys.path:
    sys.path.insert(0, str(CODE_FOLDER))
