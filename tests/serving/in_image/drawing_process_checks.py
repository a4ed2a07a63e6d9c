"""The drawing process itself: what it inherits, when it ends, and what a worker makes of replies that are none."""

import os
from pathlib import Path
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
from unittest import mock

from PIL import Image

from archive_worker import ARCHIVE
from documents_in_memory import image, pdf, sample, saved, tiff
import drawing_launcher
from drawing_launcher import DrawingProcess, DrawingStartError
from limits import Limits
from page_canvas import Canvas
from page_rendering import BatchTime, PageRenderer
import pdf_bombs
from request_errors import RequestError
from request_parsing import InferenceRequest

CANVAS = Canvas(128, 192, align_long_axis=False)
CODE = ARCHIVE / "code"
# A worker that draws one document, whose drawing never ends; it prints the id of the drawing process before.
WORKER = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from limits import Limits
from page_canvas import Canvas
from page_rendering import BatchTime, PageRenderer
from request_parsing import InferenceRequest
renderer = PageRenderer()
renderer.wait_until_ready()
print(renderer._process.pid, flush=True)
request = InferenceRequest(Path(sys.argv[2]).read_bytes(), None, None, Limits.from_environment())
list(renderer.pages(request, Canvas(128, 192, False), BatchTime(600, 1).of_next_document(600)))
"""


def request_of(body, pages=None):
    return InferenceRequest(bytes(body), pages, None, Limits.from_environment())


def time_of(seconds=20.0):
    return BatchTime(seconds, 1).of_next_document(seconds)


def end(renderer):
    """Ends the process that a renderer has by now."""
    renderer._process.end()


def is_alive(pid):
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except FileNotFoundError:
        return False


def wait_for_end(pid):
    deadline = time.monotonic() + 10
    while is_alive(pid):
        if time.monotonic() > deadline:
            raise AssertionError(f"Process {pid} has not ended.")
        time.sleep(0.01)


class Isolation(unittest.TestCase):
    def setUp(self):
        self.process = DrawingProcess()
        self.addCleanup(self.process.end)
        self.process.wait_until_ready()
        self.proc = Path(f"/proc/{self.process.pid}")

    def test_it_inherits_no_file_but_its_socket_and_the_log(self):
        opened = {entry.name: os.readlink(str(entry)) for entry in (self.proc / "fd").iterdir()}
        self.assertEqual(sorted(opened), ["0", "1", "2"])
        self.assertRegex(opened["0"], "^socket:")
        self.assertEqual(opened["1"], "/dev/null")

    def test_it_inherits_no_secret(self):
        with mock.patch.dict(os.environ, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI="/hidden"):
            process = DrawingProcess()
            self.addCleanup(process.end)
            process.wait_until_ready()
            names = {
                entry.split(b"=")[0].decode()
                for entry in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
                if entry
            }
        known = {"PYTHONPATH", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", *drawing_launcher._HANDED_ON}
        self.assertEqual(names - known, set())

    def test_it_imports_no_torch(self):
        maps = (self.proc / "maps").read_text(encoding="ascii")
        self.assertIn("_imaging", maps)
        self.assertIn("pdfium", maps)
        self.assertNotIn("/torch/", maps)  # an environment may have it in its name

    def test_it_writes_no_core_dump_and_is_ended_before_the_worker_when_the_instance_has_no_memory(self):
        limits = (self.proc / "limits").read_text(encoding="ascii").splitlines()
        (core,) = (line.split() for line in limits if line.startswith("Max core file size"))
        self.assertEqual(core[4:6], ["1", "1"])
        self.assertEqual((self.proc / "oom_score_adj").read_text(encoding="ascii").strip(), "1000")

    def test_it_ends_when_the_worker_closes_its_socket(self):
        self.process._socket.close()
        wait_for_end(self.process.pid)

    def test_it_ends_with_a_worker_that_is_killed_even_in_the_middle_of_a_page(self):
        with tempfile.NamedTemporaryFile() as endless:
            endless.write(pdf_bombs.tiny_tiles())
            endless.flush()
            worker = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-c", WORKER, str(CODE), endless.name],
                stdout=subprocess.PIPE,
                universal_newlines=True,
            )
            with worker:
                pid = int(worker.stdout.readline())
                time.sleep(0.5)
                self.assertTrue(is_alive(pid))
                worker.kill()
            wait_for_end(pid)


class Pages(unittest.TestCase):
    def setUp(self):
        self.renderer = PageRenderer()
        self.addCleanup(end, self.renderer)

    def images(self, body, pages=None):
        return [page.image.tobytes() for page in self.renderer.pages(request_of(body, pages), CANVAS, time_of())]

    def test_pages_come_in_their_order_with_their_numbers(self):
        pages = list(self.renderer.pages(request_of(tiff(0, 1, 2), "3,1"), CANVAS, time_of()))
        self.assertEqual([page.number for page in pages], [3, 1])
        self.assertEqual([page.image.tobytes() for page in pages], [self.images(tiff(index))[0] for index in (2, 0)])
        self.assertTrue(all(0 < page.seconds < 20 for page in pages))

    def test_a_page_that_may_lie_on_its_side_comes_turned_too_where_that_is_asked_for(self):
        across = image().transpose(Image.ROTATE_90)
        (plain,) = self.renderer.pages(request_of(saved(across, "PNG")), CANVAS, time_of())
        self.assertEqual(plain.turned_images, {})
        for page, turns in ((across, [90, 270]), (image(), [])):
            (drawn,) = self.renderer.pages(request_of(saved(page, "PNG")), CANVAS, time_of(), with_turns=True)
            self.assertEqual(drawn.image.tobytes(), CANVAS.fit(page).tobytes())
            self.assertEqual(list(drawn.turned_images), turns)
            for degrees, turned in drawn.turned_images.items():
                self.assertEqual(turned.tobytes(), CANVAS.fit(page, degrees).tobytes())

    def test_pages_continue_where_they_stopped_when_the_process_ends_between_two(self):
        body = pdf(0, 1, 2)
        expected = self.images(body)
        pages = self.renderer.pages(request_of(body), CANVAS, time_of())
        first = next(pages)
        os.kill(self.renderer._process.pid, signal.SIGKILL)
        rest = list(pages)
        self.assertEqual([page.number for page in (first, *rest)], [1, 2, 3])
        self.assertEqual([page.image.tobytes() for page in (first, *rest)], expected)

    def test_pages_that_nobody_takes_do_not_come_with_the_next_document(self):
        pages = self.renderer.pages(request_of(tiff(0, 1, 2)), CANVAS, time_of())
        next(pages)
        pages.close()
        self.assertEqual(self.images(sample(3)), [CANVAS.fit(image(3)).tobytes()])

    def test_a_body_larger_than_any_buffer_is_sent_whole(self):
        self.assertEqual(self.images(bytes(sample()) + bytes(30_000_000)), self.images(sample()))


class Impostors(unittest.TestCase):
    """Programs in the drawing process's place, which reply as one that a document took over could."""

    def renderer_of(self, program):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        written = Path(folder.name) / "impostor.py"
        written.write_text(textwrap.dedent(program), encoding="ascii")
        other = mock.patch.object(drawing_launcher, "_PROGRAM", written)
        other.start()
        self.addCleanup(other.stop)
        renderer = PageRenderer()
        self.addCleanup(end, renderer)
        return renderer

    def assert_ends(self, replies):
        renderer = self.renderer_of(f"""
            import socket, sys, time
            sys.path.insert(0, {str(CODE)!r})
            from drawing_protocol import Connection
            end = socket.socket(fileno=0)
            connection = Connection(end)
            connection.send({{"ready": True}})
            connection.receive()
            {replies}
            time.sleep(100)
        """)
        patience = mock.patch("page_rendering.END_SECONDS", 0.1)
        with patience, self.assertRaisesRegex(RequestError, "^Drawing the document ended its process") as caught:
            list(renderer.pages(request_of(sample()), CANVAS, time_of(5)))
        self.assertEqual(caught.exception.status_code, 422)

    def test_replies_that_are_none_reject_the_document(self):
        for replies in (
            'end.sendall(b"\\xff" * 16)',
            'end.sendall((1).to_bytes(8, "big") + bytes(8) + b"{")',
            'end.sendall((4).to_bytes(8, "big") + bytes(8) + b"[{}]")',
            *(
                f'connection.send({{"page": {page}, "turns": {turns}, "blank": {blank}}}, bytes({size}))'
                for page, turns, blank, size in (
                    ('1, "seconds": 0.1', [], False, 10),
                    ('1, "seconds": 0.1', [], False, 10**8),
                    ('"1", "seconds": 0.1', [], False, 128 * 192 * 3),
                    ('1, "seconds": float("nan")', [], False, 128 * 192 * 3),
                    ("1", [], False, 128 * 192 * 3),
                    ('1, "seconds": 0.1', [], 0, 128 * 192 * 3),
                    ('1, "seconds": 0.1', [180], False, 2 * 128 * 192 * 3),
                    ('1, "seconds": 0.1', [90, 270], False, 128 * 192 * 3),
                )
            ),
            'connection.send({"status": 200, "sentence": "All is well."})',
            'connection.send({"status": [400], "sentence": "x"})',
            'connection.send({"status": 400})',
            'connection.send({"status": 400, "sentence": "x" * 10**6})',
            "end.close()",
        ):
            with self.subTest(replies=replies):
                self.assert_ends(replies)

    def test_a_sentence_of_any_characters_arrives_in_ascii(self):
        renderer = self.renderer_of(f"""
            import socket, sys
            sys.path.insert(0, {str(CODE)!r})
            from drawing_protocol import Connection
            connection = Connection(socket.socket(fileno=0))
            connection.send({{"ready": True}})
            connection.receive()
            connection.send({{"status": 400, "sentence": "k\\u00e4se"}})
            connection.receive()
        """)
        with self.assertRaisesRegex(RequestError, r"^k\\xe4se$"):
            list(renderer.pages(request_of(sample()), CANVAS, time_of()))

    def test_a_process_that_takes_no_document_runs_out_of_time(self):
        renderer = self.renderer_of(f"""
            import socket, sys, time
            sys.path.insert(0, {str(CODE)!r})
            from drawing_protocol import Connection
            end = socket.socket(fileno=0)
            Connection(end).send({{"ready": True}})
            time.sleep(100)
        """)
        with self.assertRaisesRegex(RequestError, "than the 0.5 seconds to draw"):
            list(renderer.pages(request_of(bytes(10**7)), CANVAS, time_of(0.5)))

    def test_a_process_that_does_not_start_is_named(self):
        for program, sentence in (
            ("raise SystemExit(3)", r"does not start \('exit status 3'\)"),
            ("import os; os.abort()", r"does not start \('SIGABRT'\)"),
            ("import no_such_package", r"does not start \('exit status 1'\)"),
        ):
            with self.subTest(program=program), self.assertRaisesRegex(DrawingStartError, sentence):
                self.renderer_of(program).wait_until_ready()
        soon = mock.patch.object(drawing_launcher, "_START_SECONDS", 0.2)
        with soon, self.assertRaisesRegex(DrawingStartError, r"\('not ready after 0.2 seconds'\)"):
            self.renderer_of("import time; time.sleep(100)").wait_until_ready()

    def test_a_system_that_starts_no_process_is_named(self):
        absent = mock.patch.object(sys, "executable", "/no/such/python")
        with absent, self.assertRaisesRegex(DrawingStartError, "does not start .*No such file"):
            PageRenderer()

    def test_a_signal_has_its_name(self):
        process = DrawingProcess()
        process.wait_until_ready()
        os.kill(process.pid, signal.SIGTERM)
        self.assertEqual(process.end(5).reason, "SIGTERM")


if __name__ == "__main__":
    unittest.main()
