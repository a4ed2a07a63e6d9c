"""Pages as the archive's code decodes them, without a model."""

import unittest

import numpy as np

import archive_worker  # noqa: F401 - puts the code of the archive on the import path
import documents
from limits import Limits
from request_errors import RequestError

LIMITS = Limits.from_environment()


class PageCase(unittest.TestCase):
    def pixels(self, body, number=1, side=100):
        """The pixels of a page, height by width by 3."""
        document = documents.open_document(body, LIMITS)
        try:
            page = document.page(number, side)
            self.assertEqual(page.mode, "RGB")
            return np.asarray(page).astype(int)
        finally:
            document.close()

    def page_count(self, body):
        return documents.open_document(body, LIMITS).page_count

    def assert_pixels(self, body, expected, *, within=2, number=1):
        found = self.pixels(body, number)
        self.assertEqual(found.shape, expected.shape)
        self.assertLessEqual(np.abs(found - expected).max(), within)

    def assert_rejected(self, status, sentence, body, number=1):
        with self.assertRaises(RequestError) as caught:
            self.pixels(body, number)
        self.assertEqual(caught.exception.status_code, status)
        text = str(caught.exception)
        self.assertRegex(text, sentence)
        self.assertTrue(text.endswith(".") and text.isascii(), text)
