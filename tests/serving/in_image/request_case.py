"""What the checks of requests share: the worker, and what a good and a bad response are."""

import json
import unittest

from archive_worker import Worker
from documents_in_memory import FIELDS, sample


class RequestCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.worker = Worker()

    def predictions(self, body, content_type="application/x-image", **headers):
        answer = self.worker.request(body, content_type, **headers)
        self.assertEqual((answer.status, answer.content_type), (200, "application/json"), answer.text)
        return json.loads(answer.text)["predictions"]

    def assert_reads(self, indices, body, content_type="application/x-image", **headers):
        self.assertEqual(self.predictions(body, content_type, **headers), [FIELDS[index] for index in indices])

    def assert_rejects(self, status, sentence, body, content_type="application/x-image", **headers):
        """The status, one ASCII sentence and nothing more, and a worker that still reads."""
        answer = self.worker.request(body, content_type, **headers)
        self.assertEqual(answer.status, status, answer.text)
        self.assertRegex(answer.text, sentence)
        self.assertEqual(answer.content_type, "text/plain")
        self.assertTrue(answer.text.endswith("."), answer.text)
        self.assertEqual(len(answer.text.splitlines()), 1)
        answer.text.encode("ascii")
        self.assert_reads([0], sample())
