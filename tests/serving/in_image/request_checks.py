"""Requests through the real handler: what is answered, what is refused, and that the worker goes on."""

import io
import json
import unittest
from unittest import mock

from PIL import Image

from archive_worker import SAMPLES, Worker

FIRST, SECOND = (json.loads(line) for line in (SAMPLES / "answers.jsonl").read_text(encoding="utf-8").splitlines()[:2])


def png(answer):
    return bytearray((SAMPLES / answer["file"]).read_bytes())


def jpeg(answer):
    written = io.BytesIO()
    Image.open(SAMPLES / answer["file"]).save(written, "JPEG", quality=95)
    return bytearray(written.getvalue())


def blank(width, height):
    written = io.BytesIO()
    Image.new("L", (width, height), 255).save(written, "PNG")
    return bytearray(written.getvalue())


class Requests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.worker = Worker()

    def assert_reads(self, answer, body, **headers):
        status, content_type, text = self.worker.request(body, **headers)
        self.assertEqual((status, content_type), (200, "application/json"), text)
        fields = {name: answer[name] for name in ("store", "date", "total")}
        self.assertEqual(json.loads(text), {"predictions": [fields]})

    def assert_refuses(self, status, sentence, body, **headers):
        """The status, one ASCII sentence before the toolkit's traceback, and a worker that still reads."""
        answered, _, text = self.worker.request(body, **headers)
        self.assertEqual(answered, status, text)
        first_line = text.splitlines()[0]
        self.assertRegex(first_line, sentence)
        self.assertTrue(first_line.endswith("."), first_line)
        text.encode("ascii")
        self.assert_reads(FIRST, png(FIRST))

    def test_every_content_type_is_read(self):
        for body, content_type in (
            (png(FIRST), "application/x-image"),
            (jpeg(FIRST), "application/x-image"),
            (png(FIRST), "image/png"),
            (jpeg(FIRST), "image/jpeg"),
            (png(FIRST), "Image/PNG; name=receipt.png"),
        ):
            with self.subTest(content_type=content_type):
                self.assert_reads(FIRST, body, content_type=content_type)

    def test_the_answer_is_the_image_s_own(self):
        self.assertNotEqual(FIRST["store"], SECOND["store"])
        self.assert_reads(SECOND, png(SECOND))

    def test_json_is_answered_to_whoever_accepts_it(self):
        for accept in (None, "*/*", "application/json", "application/*", "text/html, application/json;q=0.9"):
            with self.subTest(accept=accept):
                self.assert_reads(FIRST, png(FIRST), accept=accept)

    def test_another_accept_is_refused(self):
        for accept in ("text/csv", "image/png", "t\u00e4xt/plain"):
            with self.subTest(accept=accept):
                self.assert_refuses(406, "^Answers in .* are not served", png(FIRST), accept=accept)

    def test_another_content_type_is_refused(self):
        for content_type in ("application/pdf", "text/plain", "", None, "im\u00e4ge/png"):
            with self.subTest(content_type=content_type):
                self.assert_refuses(
                    415, "^The content type .* is not served: send", png(FIRST), content_type=content_type
                )

    def test_a_content_type_that_the_toolkit_would_decode_is_refused(self):
        for content_type, body in (
            ("application/json", png(FIRST)),
            ("application/json", {"image": "x"}),
            ("text/csv", "1,2"),
            ("text/csv", bytearray(b"\xff")),
        ):
            with self.subTest(content_type=content_type, kind=type(body)):
                self.assert_refuses(415, "^The content type", body, content_type=content_type)

    def test_an_empty_body_is_refused(self):
        for body in (None, bytearray()):
            with self.subTest(body=body):
                self.assert_refuses(400, "^The body is empty", body, content_type="application/x-image")

    def test_what_is_no_image_is_refused(self):
        whole = png(FIRST)
        broken = bytearray(whole)
        broken[60:400] = bytes(340)
        for name, body in (
            ("text", bytearray("kein Bild: \u00e4".encode())),
            ("cut", whole[: len(whole) // 2]),
            ("header only", whole[:24]),
            ("broken", broken),
            ("another format", bytearray(b"P6 1 1 255 \x00\x00\x00")),
        ):
            with self.subTest(name=name):
                self.assert_refuses(400, r"^The body \(\d+ bytes\) is not a readable image", body)

    def test_a_strip_that_would_grow_to_gigabytes_is_refused(self):
        self.assert_refuses(400, "^The image is 2x60000 pixels", blank(2, 60000))

    def test_a_page_of_another_shape_is_answered(self):
        for size in ((1, 1), (900, 300), (300, 2000)):
            with self.subTest(size=size):
                status, _, text = self.worker.request(blank(*size))
                self.assertEqual(status, 200, text)
                self.assertEqual(list(json.loads(text)), ["predictions"])

    def test_a_model_that_fails_is_told_in_ascii(self):
        with mock.patch.object(self.worker.model, "inference", side_effect=RuntimeError("Ger\u00e4t voll")):
            status, _, text = self.worker.request(png(FIRST))
        self.assertEqual(status, 500)
        self.assertEqual(text.splitlines()[0], r"The model failed on this image: 'Ger\xe4t voll'.")
        text.encode("ascii")
        self.assert_reads(FIRST, png(FIRST))


if __name__ == "__main__":
    unittest.main()
