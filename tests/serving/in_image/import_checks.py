"""Where everything comes from that reading documents imports: the image, or what the archive brings along."""

from pathlib import Path
import sys
import sysconfig
import unittest

from PIL import features

from archive_worker import ARCHIVE, HAS_TORCHSERVE, Worker
from documents_in_memory import envelope, image, pdf, sample, saved, tiff
import drawing_process
import heic_pictures
import inference
from page_canvas import Canvas
from page_rendering import request_of

# What training wants and inference never imports, most of the packages' size.
LEFT_OUT = ("datasets", "nltk", "zss", "pytorch_lightning", "tensorboard", "pyarrow", "pandas", "sconf")
LIBRARIES = ("donut", "timm", "transformers", "torchvision")


class Imports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.before = set(sys.modules)
        worker = Worker()
        worker.request(sample(), "image/jpeg")
        cls.after_a_jpeg = set(sys.modules)
        for body, content_type in (
            (saved(image(), "WEBP"), "image/webp"),
            (tiff(0, 1), "image/tiff"),
            (pdf(0), "application/pdf"),
            (heic_pictures.PLAIN, "image/heic"),
            (heic_pictures.AVIF, "image/avif"),
            (envelope(sample(), pages="1"), "application/json"),
            (b"", "application/json"),
        ):
            worker.request(body, content_type)
        # What the drawing process does for them, done in this one: its modules are among those looked at.
        drawing_process._load_libraries()
        for body in (saved(image(), "WEBP"), tiff(0, 1), pdf(0), heic_pictures.PLAIN, heic_pictures.AVIF):
            request = request_of(
                inference.input_fn(bytes(body), "application/x-image"), Canvas(128, 192, align_long_axis=False)
            )
            list(drawing_process.replies_to(request, bytes(body)))
        cls.files = {
            name: Path(module.__file__).resolve()
            for name, module in list(sys.modules.items())
            if getattr(module, "__file__", None)
        }

    def test_everything_comes_from_python_the_image_or_the_archive(self):
        vendored = next(Path(entry) for entry in sys.path if (Path(entry) / "pypdfium2").is_dir())
        places = [
            vendored.resolve(),
            ARCHIVE.resolve(),
            Path(__file__).resolve().parent,
            *(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        ]
        strange = {
            name: str(path)
            for name, path in self.files.items()
            # torch writes this one into a temporary folder.
            if name != "_remote_module_non_scriptable" and not any(place in path.parents for place in places)
        }
        self.assertEqual(strange, {})
        self.assertIn(vendored.resolve(), self.files["pypdfium2"].parents)

    def test_a_cpu_imports_no_library_of_networks(self):
        """They take seconds, and the arithmetic here is the archive's own. The toolkit of one image imports them."""
        self.assertEqual([name for name in LIBRARIES if name in self.after_a_jpeg - self.before], [])

    def test_readers_of_rarer_formats_are_loaded_with_the_first_such_document(self):
        # Pillow from 11.3 on reads AVIF itself.
        avif = () if "avif" in features.modules and features.check_module("avif") else ("pillow_avif",)
        for name in ("pypdfium2", "pi_heif", *avif):
            with self.subTest(name=name):
                self.assertNotIn(name, self.after_a_jpeg)
                self.assertIn(name, sys.modules)

    def test_what_only_training_wants_is_not_there(self):
        self.assertEqual([name for name in LEFT_OUT if name in sys.modules], [])
        for name in LEFT_OUT:
            with self.subTest(name=name), self.assertRaises(ModuleNotFoundError):
                __import__(name)

    def test_the_image_s_own_packages_stay_the_image_s(self):
        image_s = Path(sysconfig.get_path("purelib")).resolve()
        for name in ("torch", "numpy", "PIL", "sagemaker_inference", "ts" if HAS_TORCHSERVE else "mms"):
            with self.subTest(name=name):
                self.assertIn(image_s, self.files[name].parents)


if __name__ == "__main__":
    unittest.main()
