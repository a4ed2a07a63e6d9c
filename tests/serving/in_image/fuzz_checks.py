"""Documents gone wrong through the real handler: each gets an answer, and the worker goes on within its memory.

FUZZ_DOCUMENTS says how many (200 where it is not set), FUZZ_SEED which.
"""

from collections import Counter
import json
import os
import resource
import sys
import unittest

from archive_worker import BatchRequest, Worker
from documents_in_memory import FIELDS, sample
from fuzzed import documents

DOCUMENTS = int(os.environ.get("FUZZ_DOCUMENTS", "200"))
SEED = int(os.environ.get("FUZZ_SEED", "0"))
BATCH = 4
EXPECTED = {200, 400, 413, 415, 422}
# The largest image of 50 million pixels takes 200 MB with four channels, and twice that while it is converted.
MOST_MEGABYTES = 900


def peak_megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Fuzz(unittest.TestCase):
    def test_every_document_is_answered_and_the_worker_goes_on(self):
        worker = Worker()
        worker.request(sample())
        before = peak_megabytes()
        statuses = Counter()
        waiting = []
        for number, (body, content_type) in enumerate(documents(DOCUMENTS, SEED)):
            waiting.append(BatchRequest(bytearray(body), content_type))
            if len(waiting) == BATCH or number == DOCUMENTS - 1:
                for call, answer in zip(waiting, worker.batch(*waiting)):
                    statuses[answer.status] += 1
                    self.assertIn(answer.status, EXPECTED, (number, call.content_type, answer.text))
                    answer.text.encode("ascii")
                    self.assertNotIn("Traceback", answer.text)
                waiting = []
        self.assertEqual(json.loads(worker.request(sample()).text)["predictions"], [FIELDS[0]])
        self.assertEqual(sum(statuses.values()), DOCUMENTS)
        grown = peak_megabytes() - before
        sys.stderr.write(f"{DOCUMENTS} documents: {dict(sorted(statuses.items()))}, {grown:.0f} MB above one receipt\n")
        self.assertGreater(len(statuses), 3)
        self.assertLess(grown, MOST_MEGABYTES)


if __name__ == "__main__":
    unittest.main()
