"""A page that is fitted in two processes is, byte for byte, what donut-python's `prepare_input` makes of it."""

from functools import lru_cache
from types import SimpleNamespace
import unittest

from PIL import Image, ImageOps
from torchvision import transforms
from torchvision.transforms.functional import resize, rotate

import archive_worker
from documents_in_memory import image
from donut_loading import load_model
from donut_model import IMAGENET_DEVIATION, IMAGENET_MEAN
from library_network import HAS_DONUT_PYTHON
from page_canvas import Canvas

if HAS_DONUT_PYTHON:
    from donut_library import SwinEncoder
    from donut_network import SizedSwinEncoder

SIZES = ((1, 1), (1, 25), (25, 1), (127, 191), (128, 192), (128, 500), (192, 128), (333, 128), (601, 799), (799, 601),
         (1000, 1001), (1240, 1754), (40, 1000))  # fmt: skip
CANVASES = ((192, 128), (128, 192), (160, 160), (97, 131), (1280, 960))


@lru_cache(maxsize=None)
def noise(size):
    """A page of which no two regions are alike."""
    return Image.effect_noise(size, 120).convert("RGB") if min(size) < 100 else image().resize(size)


TO_TENSOR = transforms.Compose([transforms.ToTensor(), transforms.Normalize(IMAGENET_MEAN, IMAGENET_DEVIATION)])


def prepare_input(page, height, width, *, align):
    """What `prepare_input` of donut-python 1.0.9 does, by torchvision and Pillow as it is there."""
    page = page.convert("RGB")
    if align and ((height > width and page.width > page.height) or (height < width and page.width < page.height)):
        page = rotate(page, angle=-90, expand=True)
    page = resize(page, min(height, width))
    page.thumbnail((width, height))
    right, below = width - page.width, height - page.height
    padding = (right // 2, below // 2, right - right // 2, below - below // 2)
    return TO_TENSOR(ImageOps.expand(page, padding))


class Canvases(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = load_model(archive_worker.ARCHIVE / "my_model")

    def assert_same(self, page, height, width, align):
        expected = prepare_input(page, height, width, align=align)
        canvas = Canvas(width, height, align)
        fitted = canvas.fit(page)
        self.assertEqual((fitted.mode, fitted.size), ("RGB", (width, height)))
        # As it travels.
        received = Image.frombytes("RGB", fitted.size, fitted.tobytes())
        self.assertTrue(self.model.to_tensor(received).equal(expected), (page.size, height, width, align))

    def test_every_size_of_page_on_every_canvas_is_the_same(self):
        for height, width in CANVASES:
            for size in SIZES:
                for align in (False, True):
                    with self.subTest(canvas=(height, width), size=size, align=align):
                        self.assert_same(noise(size), height, width, align)

    def test_pages_of_other_modes_are_the_same(self):
        for mode in ("L", "1", "CMYK", "RGBA", "P"):
            with self.subTest(mode=mode):
                self.assert_same(image().convert(mode), 192, 128, align=True)

    @unittest.skipUnless(HAS_DONUT_PYTHON, "compared on the image that has donut-python")
    def test_what_is_compared_with_is_donut_python_s_own(self):
        self.assertIs(SizedSwinEncoder.prepare_input, SwinEncoder.prepare_input)
        for height, width in CANVASES:
            for align in (False, True):
                encoder = SimpleNamespace(input_size=[height, width], align_long_axis=align, to_tensor=TO_TENSOR)
                expected = SwinEncoder.prepare_input(encoder, noise((333, 128)))
                found = prepare_input(noise((333, 128)), height, width, align=align)
                self.assertTrue(found.equal(expected), (height, width, align))

    def test_a_page_is_turned_clockwise_before_it_is_fitted(self):
        canvas = Canvas(128, 192, align_long_axis=False)
        page = noise((300, 451))
        for rotation, turn in ((90, Image.ROTATE_270), (270, Image.ROTATE_90)):
            with self.subTest(rotation=rotation):
                turned = canvas.fit(page, rotation)
                self.assertEqual(turned.tobytes(), canvas.fit(page.transpose(turn)).tobytes())
        self.assertEqual(canvas.fit(page, 0).tobytes(), canvas.fit(page).tobytes())

    def test_only_a_page_that_may_lie_on_its_side_has_turns(self):
        for canvas, size, turns in (
            (Canvas(128, 192, align_long_axis=False), (300, 451), []),
            (Canvas(128, 192, align_long_axis=False), (451, 300), [90, 270]),
            (Canvas(192, 128, align_long_axis=False), (300, 451), [90, 270]),
            (Canvas(128, 192, align_long_axis=False), (300, 300), [90, 270]),
            (Canvas(160, 160, align_long_axis=False), (300, 451), [90, 270]),
            (Canvas(128, 192, align_long_axis=True), (451, 300), []),
        ):
            with self.subTest(canvas=canvas, size=size):
                self.assertEqual(canvas.turns_of(Image.new("RGB", size)), turns)

    def test_the_canvas_of_a_model_is_its_encoder_s_input(self):
        self.assertEqual(Canvas.from_model(self.model), Canvas(128, 192, align_long_axis=False))


if __name__ == "__main__":
    unittest.main()
