"""How the documents of a batch share the time to draw them."""

import unittest
from unittest import mock

import archive_worker  # noqa: F401 - puts the archive's code on the import path
from page_rendering import BatchTime


class Times(unittest.TestCase):
    def test_documents_that_use_all_they_get_leave_each_other_a_half_share(self):
        for count in (1, 2, 8, 256):
            batch = BatchTime(150, count)
            got = []
            for _ in range(count):
                allowed = batch.of_next_document(30)
                got.append(allowed.seconds)
                batch.left -= allowed.seconds
            self.assertGreaterEqual(min(got), min(30, 150 / count / 2) - 1e-9)
            self.assertEqual(got[0], 30)
            self.assertGreaterEqual(batch.left, -1e-9)

    def test_documents_that_use_nothing_leave_all_to_the_last(self):
        batch = BatchTime(150, 256)
        self.assertEqual([batch.of_next_document(30).seconds for _ in range(256)], [30] * 256)

    def test_a_document_that_overruns_leaves_no_less_than_nothing(self):
        batch = BatchTime(4, 3)
        batch.of_next_document(2)
        batch.left -= 4.5
        self.assertEqual([batch.of_next_document(2).seconds for _ in range(2)], [0, 0])

    def test_time_passes_only_while_the_worker_waits(self):
        batch = BatchTime(10, 1)
        allowed = batch.of_next_document(5)
        with mock.patch("page_rendering.time.monotonic", side_effect=[100, 103, 200, 201]):
            with allowed.passing() as deadline:
                self.assertEqual(deadline, 105)
            with allowed.passing() as deadline:
                self.assertEqual(deadline, 202)
        self.assertEqual(batch.left, 6)


if __name__ == "__main__":
    unittest.main()
