"""Each image's own Python and the packing step's check agree on what that Python can read."""

import json
import subprocess

import pytest

from async_endpoint.protocol.serving_images import IMAGES
from tests.model_artifacts.packing.syntax_cases import NEWER, NEWER_THAN_3_12, READ_BY_3_8
from tests.support.serving import serving_environment


@pytest.mark.serving
@pytest.mark.parametrize("image", IMAGES)
def test_the_image_s_python_itself_agrees(image: str) -> None:
    program = (
        "import json, sys, warnings; warnings.simplefilter('ignore'); bad = []\n"
        "for name, source in json.load(sys.stdin).items():\n"
        "    try: compile(source + '\\n', name, 'exec')\n"
        "    except SyntaxError: bad.append(name)\n"
        "print(json.dumps(bad))"
    )
    done = subprocess.run(
        [serving_environment(IMAGES[image]).path / "bin" / "python", "-c", program],
        input=json.dumps(NEWER | READ_BY_3_8),
        capture_output=True,
        text=True,
        check=True,
    )
    expected = set(NEWER) if IMAGES[image].python == "3.8" else NEWER_THAN_3_12
    assert set(json.loads(done.stdout)) == expected
