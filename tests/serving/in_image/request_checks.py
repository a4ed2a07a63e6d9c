"""Requests through the real handler: which are processed, which are rejected, and that the worker continues."""

import json
import os
import unittest
from unittest import mock

from PIL import Image

from documents_in_memory import (
    FIELDS,
    envelope,
    image,
    pdf,
    sample,
    saved,
    tiff,
)
from request_case import RequestCase


class Requests(RequestCase):
    def test_every_format_is_read_under_its_own_name_and_as_an_image(self):
        for body, content_type in (
            (sample(), "image/jpeg"),
            (sample(), "Image/JPEG; name=receipt.jpg"),
            (saved(image(), "PNG"), "image/png"),
            (saved(image(), "WEBP", lossless=True), "image/webp"),
            (saved(image(), "BMP"), "application/x-image"),
            (tiff(0), "image/tiff"),
            (pdf(0), "application/pdf"),
        ):
            for called in (content_type, "application/x-image", "application/octet-stream", "binary/octet-stream"):
                with self.subTest(content_type=content_type, called=called):
                    self.assert_reads([0], body, called)

    def test_the_answer_is_the_image_s_own(self):
        self.assertNotEqual(FIELDS[0]["store"], FIELDS[1]["store"])
        self.assert_reads([1], sample(1))

    def test_an_answer_says_how_sure_the_model_is_how_long_it_took_and_which_it_was(self):
        with mock.patch.dict(os.environ, MODEL_VERSION="1f0c9a6be2d7"):
            answer = json.loads(self.worker.request(sample()).text)
        self.assertEqual(list(answer), ["predictions", "pages", "model_version"])
        self.assertEqual(answer["model_version"], "1f0c9a6be2d7")
        (page,) = answer["pages"]
        self.assertEqual((page["page"], page["read_together"]), (1, 1))
        self.assertGreater(page["seconds"], 0)
        self.assertEqual(page["confidence"].keys(), answer["predictions"][0].keys())
        self.assertGreater(page["confidence"]["store"], 0.5)
        self.assertLessEqual(page["confidence"]["store"], 1)
        items, sure = answer["predictions"][0]["items"], page["confidence"]["items"]
        self.assertEqual([item.keys() for item in items], [item.keys() for item in sure])

    def test_an_unreadable_receipt_is_answered_with_less_confidence(self):
        faint = Image.blend(image(), Image.new("RGB", image().size, "gray"), 0.93)
        sure, unsure = (
            json.loads(self.worker.request(body).text)["pages"][0]["confidence"].get("store", 0)
            for body in (sample(), saved(faint, "PNG"))
        )
        self.assertLess(unsure, 0.9 * sure)

    def test_json_is_answered_to_whoever_accepts_it(self):
        for accept in (None, "*/*", "application/json", "application/*", "text/html, application/json;q=0.9"):
            with self.subTest(accept=accept):
                self.assert_reads([0], sample(), accept=accept)

    def test_json_lines_are_a_line_a_page(self):
        for accept in ("application/jsonlines", "application/x-ndjson"):
            answer = self.worker.request(tiff(0, 1), "image/tiff", accept=accept)
            self.assertEqual((answer.status, answer.content_type), (200, accept))
            lines = [json.loads(line) for line in answer.text.splitlines()]
            self.assertEqual([line["page"] for line in lines], [1, 2])
            self.assertEqual([line["prediction"] for line in lines], FIELDS[:2])
            self.assertTrue(all({"confidence", "seconds", "model_version"} < line.keys() for line in lines))

    def test_another_accept_is_refused(self):
        for accept in ("text/csv", "image/png", "t\u00e4xt/plain"):
            with self.subTest(accept=accept):
                self.assert_rejects(406, "^The response type .* is not supported", sample(), accept=accept)

    def test_another_content_type_is_refused(self):
        for content_type in ("text/csv", "text/plain", "", None, "im\u00e4ge/png", "application/x-www-form-urlencoded"):
            with self.subTest(content_type=content_type):
                self.assert_rejects(415, "^The content type .* is not supported: send", sample(), content_type)

    def test_a_file_called_what_it_is_not_is_refused(self):
        self.assert_rejects(415, "^The body is a PDF but its content type is image/png", pdf(0), "image/png")
        self.assert_rejects(400, r"^The body \(\d+ bytes\) is not a PDF", sample(), "application/pdf")

    def test_an_empty_body_is_refused(self):
        for body in (None, bytearray()):
            with self.subTest(body=body):
                self.assert_rejects(400, "^The body is empty", body)

    def test_an_envelope_is_read_whoever_parsed_it(self):
        parsed = envelope(sample())
        text = json.dumps(parsed)
        for body in (parsed, text, text.encode(), bytearray(text.encode())):
            with self.subTest(kind=type(body)):
                self.assert_reads([0], body, "application/json")

    def test_an_envelope_that_is_none_is_refused(self):
        for body, sentence in (
            (bytearray(b"{"), "^The body is not JSON"),
            (b"\xff\xfe\xfa", "^The body is not JSON"),
            (None, "^The JSON is not an object"),
            ([1], "^The JSON is not an object"),
            ({"image": "x"}, "^The JSON has an unknown key 'image'"),
            ({}, '^The JSON has no "document"'),
            ({"document": 1}, '^The JSON has no "document"'),
            ({"document": "k\u00e4se"}, '^The "document" is not base64'),
            ({"document": ""}, "^The body is empty"),
            (envelope(sample(), task_prompt=7), "^The task prompt is 7"),
        ):
            with self.subTest(body=body):
                self.assert_rejects(400, sentence, body, "application/json")

    def test_a_task_prompt_is_taken_from_the_request(self):
        for prompt, name in (("<s_store>", "date"), ("<s_receipt>", "store")):
            with self.subTest(prompt=prompt):
                read = self.predictions(sample(), custom_attributes=f"task_prompt={prompt}")[0]
                again = self.predictions(envelope(sample(), task_prompt=prompt), "application/json")[0]
                self.assertEqual(read, again)
                self.assertIn(name, read)
        self.assert_reads([0], sample(), custom_attributes="task_prompt=<s_receipt>")

    def test_an_unknown_task_prompt_is_refused(self):
        for prompt in ("<s_cord-v2>", "", "\u00e4"):
            with self.subTest(prompt=prompt):
                body = envelope(sample(), task_prompt=prompt)
                if prompt:
                    self.assert_rejects(400, "does not know the task prompt .*<s_receipt>", body, "application/json")
                else:
                    self.assert_reads([0], body, "application/json")
        long = "<s_receipt>" * 136
        self.assert_rejects(
            400, "has 136 tokens and leaves no room", envelope(sample(), task_prompt=long), "application/json"
        )

    def test_a_model_that_fails_is_told_in_ascii(self):
        error = RuntimeError("Ger\u00e4t voll\nzweite Zeile")
        with mock.patch.object(self.worker.processor, "_decode", side_effect=error):
            answer = self.worker.request(sample())
        self.assertEqual(answer.status, 500)
        self.assertEqual(
            answer.text, r"The model failed on this document: 'RuntimeError: Ger\xe4t voll\nzweite Zeile'."
        )
        self.assert_reads([0], sample())


if __name__ == "__main__":
    unittest.main()
