"""Documents that break the process that draws them, through the real handler: the worker and its batch continue."""

import contextlib
import json
import os
import signal
import threading
import time
import unittest
from unittest import mock

from PIL import Image

from archive_worker import BatchRequest, Worker
from documents_in_memory import FIELDS, blank, sample, saved
import inference
from memory import megabytes_of_process
import pdf_bombs

PDF, IMAGE = "application/pdf", "application/x-image"
LIMITS = {"DOCUMENT_SECONDS": "5", "DOCUMENT_MEMORY_MB": "700", "SAGEMAKER_TS_RESPONSE_TIMEOUT": "120"}
TOO_SLOW = "^The document takes more than %d seconds to draw: send a simpler one .* or raise DOCUMENT_SECONDS.$"
TOO_MUCH = "^The document needs more than 700 MB of memory to draw: send a smaller .* or raise DOCUMENT_MEMORY_MB.$"
# What the worker may take for a batch with a bomb; the bomb's own pages would take gigabytes.
MOST_WORKER_MEGABYTES = 100


def clear(side, kind):
    """A square image with transparency, which takes the most memory for each pixel."""
    return saved(Image.new("RGBA", (side, side), (255, 255, 255, 128)), kind)


def patient():
    """A context in which time is not what a document lacks, on a busy machine too."""
    return mock.patch.dict(os.environ, DOCUMENT_SECONDS="100", SAGEMAKER_TS_RESPONSE_TIMEOUT="1600")


def drawing_pid():
    return inference.renderer._process.pid


class Bombs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.worker = Worker()

    def setUp(self):
        limits = mock.patch.dict(os.environ, LIMITS)
        limits.start()
        self.addCleanup(limits.stop)

    def answers_beside_receipts(self, body, content_type, place):
        """The answers to a batch of seven receipts and this document; those to the receipts are checked."""
        batch = [BatchRequest(sample(index % 4)) for index in range(7)]
        batch.insert(place, BatchRequest(bytearray(body), content_type))
        answers = self.worker.batch(*batch)
        good = [answer for index, answer in enumerate(answers) if index != place]
        self.assertEqual([answer.status for answer in good], [200] * 7)
        read = [json.loads(answer.text)["predictions"] for answer in good]
        self.assertEqual(read, [[FIELDS[index % 4]] for index in range(7)])
        return answers[place]

    def assert_rejects(self, status, sentence, body, content_type=PDF, place=3):
        answer = self.answers_beside_receipts(body, content_type, place)
        self.assertEqual(answer.status, status, answer.text)
        self.assertRegex(answer.text, sentence)
        answer.text.encode("ascii")

    def test_a_document_that_takes_any_time_is_rejected_alone(self):
        for place, (name, body) in enumerate(
            (
                ("a million operators", pdf_bombs.many_operators(1_000_000)),
                ("tiles far below a pixel", pdf_bombs.tiny_tiles()),
                ("a function on every pixel", pdf_bombs.function_shading()),
            )
        ):
            with self.subTest(name=name):
                self.assert_rejects(413, TOO_SLOW % 5, body, place=place)

    def test_a_document_that_takes_any_memory_is_rejected_alone(self):
        before = megabytes_of_process("self", "VmHWM")
        for place, (name, body) in enumerate(
            (
                ("a thousand million forms", pdf_bombs.nested_forms()),
                ("eight gigabytes in twenty kilobytes", pdf_bombs.unpacked_content()),
            )
        ):
            with self.subTest(name=name), patient():
                self.assert_rejects(413, TOO_MUCH, body, place=place)
        self.assertLess(megabytes_of_process("self", "VmHWM") - before, MOST_WORKER_MEGABYTES)

    def test_what_a_document_takes_is_known_whatever_the_worker_has(self):
        """Linux counts the worker's memory as the drawing process's; a worker of this size hides it."""
        ballast = bytearray(b"x") * (800 * 2**20)
        inference.renderer._replace()
        with patient():
            for _ in range(3):  # a busy worker may not look in the tenth of a second in which the memory grows
                answer = self.answers_beside_receipts(pdf_bombs.unpacked_content(), PDF, 3)
                if answer.status == 413:
                    break
        self.assertEqual(answer.status, 413, answer.text)
        self.assertRegex(answer.text, TOO_MUCH)
        self.assertEqual(len(ballast), 800 * 2**20)

    def test_memory_that_pillow_lacks_is_not_taken_for_a_broken_file(self):
        with patient():
            self.assert_rejects(413, TOO_MUCH, blank(7000, 7000, "WEBP"), IMAGE)

    def test_the_drawing_process_never_has_more_than_its_memory(self):
        """The process is watched while it draws; its memory as the system counts it, in a batch of bombs alone."""
        most, done = [0.0], threading.Event()

        def watch():
            while not done.wait(0.01):
                with contextlib.suppress(OSError, StopIteration):
                    most[0] = max(most[0], megabytes_of_process(drawing_pid(), "VmRSS"))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            with patient():
                self.worker.batch(*(BatchRequest(bytearray(pdf_bombs.nested_forms()), PDF) for _ in range(2)))
        finally:
            done.set()
            watcher.join()
        self.assertGreater(most[0], 300)
        self.assertLess(most[0], 700)

    def test_page_trees_without_end_are_answered(self):
        for name, body in (
            ("deep", pdf_bombs.deep_page_tree()),
            ("in a circle", pdf_bombs.page_tree_in_a_circle()),
        ):
            with self.subTest(name=name), patient():
                self.assert_rejects(400, "^Page 1 of the PDF cannot be drawn: send one whole file.$", body)

    def test_a_batch_of_bombs_alone_ends_within_half_of_the_worker_s_time(self):
        began = time.monotonic()
        with mock.patch.dict(os.environ, DOCUMENT_SECONDS="2", SAGEMAKER_TS_RESPONSE_TIMEOUT="9"):
            receipt, *answers = self.worker.batch(
                BatchRequest(sample()), *(BatchRequest(bytearray(pdf_bombs.tiny_tiles()), PDF) for _ in range(4))
            )
        self.assertEqual(receipt.status, 200, receipt.text)
        self.assertEqual([answer.status for answer in answers], [413] * 4)
        self.assertLess(time.monotonic() - began, 60)  # alone, each would draw for hours; the machine may be busy
        # The first has its own limit, the others what is left: none is told to raise a limit that was not reached.
        self.assertRegex(answers[0].text, TOO_SLOW % 2)
        for answer in answers[1:]:
            self.assertRegex(answer.text, r"than the \d\.\d seconds to draw that its batch left it: send it again, or")

    def test_a_process_that_a_signal_ends_on_a_document_twice_rejects_it_alone(self):
        self.worker.request(sample())
        with patient(), self.killing(signal.SIGSEGV, times=2):
            self.assert_rejects(
                422,
                r"^Drawing the document ended its process \(SIGSEGV\): it is damaged, or needs far more than the 700",
                pdf_bombs.function_shading(),  # takes time alone: the signal may be late on a busy machine
                place=0,  # before it no receipt, at which the signal might come
            )

    def test_a_process_that_ended_on_one_document_for_another_s_fault_is_replaced_without_a_word(self):
        self.worker.request(sample())
        # It draws for a second, which the limit allows.
        slow = pdf_bombs.many_operators(60_000)
        with patient(), self.killing(signal.SIGKILL, times=1, after=0.1):
            answer = self.answers_beside_receipts(slow, PDF, 3)
        self.assertEqual(answer.status, 200, answer.text)

    def test_a_process_that_ended_between_two_documents_is_replaced_without_a_word(self):
        self.worker.request(sample())
        before = drawing_pid()
        os.kill(before, signal.SIGKILL)
        time.sleep(0.2)
        with patient():
            self.assertEqual(json.loads(self.worker.request(sample()).text)["predictions"], [FIELDS[0]])
        self.assertNotEqual(drawing_pid(), before)

    def test_a_good_document_leaves_the_process_for_the_next(self):
        self.worker.request(sample())
        before = drawing_pid()
        with patient():
            self.answers_beside_receipts(b"no document", IMAGE, 0)
        self.assertEqual(drawing_pid(), before)

    def killing(self, with_signal, *, times, after=0.5):
        """A context in which the drawing process is ended while it draws, and so is the one that takes its place."""
        return _Killing(with_signal, times, after)


class _Killing:
    def __init__(self, with_signal, times, after):
        self._signal, self._times, self._after = with_signal, times, after
        self._thread = threading.Thread(target=self._kill)

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_):
        self._thread.join()

    def _kill(self):
        for _ in range(self._times):
            pid = _busy_for(self._after)
            os.kill(pid, self._signal)


def _busy_for(seconds):
    """Waits until one drawing process has been busy with one document for so long, and returns its id."""
    deadline = time.monotonic() + 20
    since, last = time.monotonic(), None
    while time.monotonic() < deadline:
        process = inference.renderer._process
        if not process.busy or process.pid != last:
            since, last = time.monotonic(), process.pid
        elif time.monotonic() - since > seconds:
            return process.pid
        time.sleep(0.002)
    raise AssertionError("No drawing process was busy.")


class LargeDocuments(unittest.TestCase):
    """What the default limits of pixels, bytes and memory must allow."""

    @classmethod
    def setUpClass(cls):
        cls.worker = Worker()

    def setUp(self):
        limits = patient()
        limits.start()
        self.addCleanup(limits.stop)

    def assert_draws(self, body):
        answer = self.worker.request(body)
        self.assertEqual(answer.status, 200, answer.text)

    def test_an_image_of_as_many_pixels_as_are_allowed_is_drawn(self):
        for kind in ("PNG", "WEBP"):
            with self.subTest(kind=kind):
                self.assert_draws(clear(7070, kind))

    def test_an_image_of_more_pixels_is_drawn_where_they_are_allowed(self):
        with mock.patch.dict(os.environ, MAX_IMAGE_PIXELS="100000000"):
            self.assert_draws(clear(9900, "PNG"))

    def test_a_body_of_a_hundred_megabytes_is_drawn(self):
        body = blank(10_000, 10_000, "BMP")
        self.assertGreater(len(body), 100_000_000)
        with mock.patch.dict(os.environ, MAX_IMAGE_PIXELS="100000000"):
            self.assert_draws(body)


if __name__ == "__main__":
    unittest.main()
