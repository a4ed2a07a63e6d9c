"""Documents gone wrong through the real handler: each gets an answer, and the worker goes on within its memory.

FUZZ_DOCUMENTS says how many mutated samples come beside the bombs (200 where it is not set), FUZZ_SEED which.
"""

from collections import Counter
import json
import os
import resource
import sys
import unittest
from unittest import mock

from archive_worker import BatchRequest, Worker
from documents_in_memory import FIELDS, sample
from fuzzed import bombs, documents
from limits import Limits
from memory import megabytes_of_process

DOCUMENTS = int(os.environ.get("FUZZ_DOCUMENTS", "200"))
SEED = int(os.environ.get("FUZZ_SEED", "0"))
BATCH = 4
EXPECTED = {200, 400, 413, 415, 422}
LIMITS = {"DOCUMENT_SECONDS": "2", "SAGEMAKER_TS_RESPONSE_TIMEOUT": "300"}
# A worker holds a batch's bodies and canvases; what documents are decoded into is in the drawing process.
MOST_WORKER_MEGABYTES = 200


class Fuzz(unittest.TestCase):
    def test_every_document_is_answered_and_the_worker_goes_on(self):
        worker = Worker()
        # The most pages that go through the network at once.
        worker.batch(*(BatchRequest(sample()) for _ in range(16)))
        before = megabytes_of_process("self", "VmHWM")
        statuses, waiting = Counter(), []
        everything = list(documents(DOCUMENTS, SEED))
        with mock.patch.dict(os.environ, LIMITS):
            for number, (body, content_type) in enumerate(everything):
                waiting.append(BatchRequest(bytearray(body), content_type))
                if len(waiting) == BATCH or number == len(everything) - 1:
                    statuses.update(self.answered(worker, waiting, number))
                    waiting = []
        self.assertEqual(json.loads(worker.request(sample()).text)["predictions"], [FIELDS[0]])
        self.assertEqual(sum(statuses.values()), DOCUMENTS + len(list(bombs())))
        grown = megabytes_of_process("self", "VmHWM") - before
        # Of the drawing processes that have ended: those with the most are among them.
        drawing = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        sys.stderr.write(
            f"{sum(statuses.values())} documents: {dict(sorted(statuses.items()))}; the worker grew by {grown:.0f} MB, "
            f"a drawing process had up to {drawing:.0f} MB\n"
        )
        self.assertLess(drawing, Limits.from_environment().document_megabytes)
        self.assertGreater(len(statuses), 3)
        self.assertLess(grown, MOST_WORKER_MEGABYTES)

    def answered(self, worker, batch, number):
        answers = worker.batch(*batch)
        for call, answer in zip(batch, answers):
            self.assertIn(answer.status, EXPECTED, (number, call.content_type, answer.text))
            answer.text.encode("ascii")
            self.assertNotIn("Traceback", answer.text)
        return [answer.status for answer in answers]


if __name__ == "__main__":
    unittest.main()
