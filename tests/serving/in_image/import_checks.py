"""Where everything comes from that reading documents imports: the image, or what the archive brings along."""

from pathlib import Path
import sys
import sysconfig
import unittest

from archive_worker import ARCHIVE, Worker
from documents_in_memory import envelope, image, pdf, sample, saved, tiff

# What training wants and inference never imports, most of the packages' size.
LEFT_OUT = ("datasets", "nltk", "zss", "pytorch_lightning", "tensorboard", "pyarrow", "pandas", "sconf")


class Imports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        worker = Worker()
        for body, content_type in (
            (sample(), "image/jpeg"),
            (saved(image(), "WEBP"), "image/webp"),
            (tiff(0, 1), "image/tiff"),
            (pdf(0), "application/pdf"),
            (envelope(sample(), pages="1"), "application/json"),
            (b"", "application/json"),
        ):
            worker.request(body, content_type)
        cls.files = {
            name: Path(module.__file__).resolve()
            for name, module in list(sys.modules.items())
            if getattr(module, "__file__", None)
        }

    def test_everything_comes_from_python_the_image_or_the_archive(self):
        vendored = next(Path(entry) for entry in sys.path if (Path(entry) / "donut" / "model.py").is_file())
        places = [
            vendored.resolve(),
            ARCHIVE.resolve(),
            Path(__file__).resolve().parent,
            *(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        ]
        strange = {
            name: str(path) for name, path in self.files.items() if not any(place in path.parents for place in places)
        }
        self.assertEqual(strange, {})
        self.assertIn(vendored.resolve(), self.files["transformers"].parents)

    def test_what_only_training_wants_is_not_there(self):
        self.assertEqual([name for name in LEFT_OUT if name in sys.modules], [])
        for name in LEFT_OUT:
            with self.subTest(name=name), self.assertRaises(ModuleNotFoundError):
                __import__(name)

    def test_the_image_s_own_packages_stay_the_image_s(self):
        image_s = Path(sysconfig.get_path("purelib")).resolve()
        for name in ("torch", "torchvision", "numpy", "PIL", "sagemaker_inference", "ts"):
            with self.subTest(name=name):
                self.assertIn(image_s, self.files[name].parents)


if __name__ == "__main__":
    unittest.main()
