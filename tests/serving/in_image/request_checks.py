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
    raw_pdf,
    sample,
    saved,
    tiff,
)
from limits import Limits
from request_case import RequestCase
from request_errors import RequestError
from request_parsing import page_numbers, parse_request
from results import negotiated_type


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
        self.assertEqual(
            list(page),
            ["page", "confidence", "accept_threshold", "raw_confidence", "turned", "seconds", "read_together", "blank"],
        )
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
        for content_type in ("text/csv", "text/plain", "", None, "im\u00e4ge/png", "application/x-unknown"):
            with self.subTest(content_type=content_type):
                self.assert_rejects(415, "^The content type .* is not supported: send", sample(), content_type)

    def test_a_content_type_that_people_send_though_it_is_not_supported_is_named(self):
        for content_type, named in (
            ("multipart/form-data; boundary=----b", "it is a form; send the file itself as the body"),
            ("application/x-www-form-urlencoded", "it is a form; send the file itself as the body"),
            ("image/svg+xml", "it is an SVG drawing; save it as PNG"),
            ("image/jp2", "it is a JPEG 2000 image; save it as PNG"),
            ("application/msword", "it is an Office file; print or export it to PDF"),
            ("application/gzip", "it is compressed with gzip; send it uncompressed"),
            ("text/html", "it is an HTML page; print or export it to PDF"),
        ):
            # TorchServe takes a form apart: no body is left of it.
            for body in (sample(), None):
                with self.subTest(content_type=content_type, body=body is not None):
                    self.assert_rejects(415, f"^The content type .* is not supported: {named}", body, content_type)

    def test_a_page_on_which_there_is_nothing_to_see_is_marked(self):
        noisy = Image.effect_noise((128, 192), 2).point(lambda value: value + 100)
        for body, content_type, blank in (
            (sample(), "image/jpeg", False),
            (saved(Image.new("RGB", (128, 192), "white"), "PNG"), "image/png", True),
            (saved(Image.new("RGB", (1280, 1920), (9, 80, 200)), "PNG"), "image/png", True),
            (saved(noisy, "JPEG", quality=50), "image/jpeg", True),
            (raw_pdf(), "application/pdf", True),
            (pdf(0), "application/pdf", False),
        ):
            with self.subTest(content_type=content_type, blank=blank):
                (page,) = json.loads(self.worker.request(body, content_type).text)["pages"]
                self.assertIs(page["blank"], blank)

    def test_a_page_with_one_small_word_is_not_blank(self):
        for size in ((128, 192), (1280, 1920)):
            page = Image.new("RGB", size, "white")
            page.paste("black", (20, 20, 20 + size[0] // 20, 20 + size[0] // 60))
            (facts,) = json.loads(self.worker.request(saved(page, "PNG")).text)["pages"]
            self.assertFalse(facts["blank"])

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


class CustomAttributes(unittest.TestCase):
    def options(self, attributes):
        request = parse_request(b"x", "application/x-image", attributes, Limits.from_environment())
        return request.pages, request.task_prompt

    def test_attributes_are_separated_by_semicolons_and_others_are_ignored(self):
        self.assertEqual(self.options("trace=1; pages=1-3 ;task_prompt=<s_a>;other"), ("1-3", "<s_a>"))
        self.assertEqual(self.options("task_prompt=<s_a>;pages=2;trace=x=y"), ("2", "<s_a>"))
        self.assertEqual(self.options("task_prompt=<s_a>;"), (None, "<s_a>"))
        self.assertEqual(self.options("a;b;;=;pages=1"), ("1", None))

    def test_a_prompt_in_quotes_may_hold_semicolons_quotes_and_backslashes(self):
        for text, prompt in (
            (r'task_prompt="<s_q>a;b=c</s_q>"', "<s_q>a;b=c</s_q>"),
            (r'pages=1; task_prompt = "<s_q>say \"x;\"</s_q>" ;trace=1', '<s_q>say "x;"</s_q>'),
            (r'task_prompt="<s_q>a\\;b</s_q>"', "<s_q>a\\;b</s_q>"),
        ):
            with self.subTest(text=text):
                self.assertEqual(self.options(text)[1], prompt)

    def test_a_prompt_that_is_no_unicode_and_a_selection_of_no_pages_are_rejected(self):
        limits = Limits.from_environment()
        half = json.dumps({"document": "eA==", "task_prompt": "<s_a>\ud83d"}).encode()
        with self.assertRaisesRegex(RequestError, "The task prompt is ") as caught:
            parse_request(half, "application/json", None, limits)
        str(caught.exception).encode("ascii")
        with self.assertRaisesRegex(RequestError, "No pages are requested"):
            page_numbers([], 3, limits)

    def test_the_accepted_type_of_the_highest_quality_is_taken(self):
        for accept, taken in (
            ("application/jsonlines;q=0.1, application/json", "application/json"),
            ("application/json;q=0.1, application/x-ndjson;q=0.9", "application/x-ndjson"),
            ("application/jsonlines, application/json", "application/jsonlines"),
            ("application/json;q=0, */*;q=0.1", "application/json"),
        ):
            with self.subTest(accept=accept):
                self.assertEqual(negotiated_type(accept), taken)
        with self.assertRaises(RequestError):
            negotiated_type("application/json;q=0")

    def test_an_option_given_twice_is_rejected(self):
        with self.assertRaisesRegex(RequestError, "pages is given twice"):
            self.options("pages=1;trace=1;pages=2")

    def test_a_prompt_that_a_semicolon_may_cut_is_rejected(self):
        for text in (
            "task_prompt=<s_a;b>",
            "task_prompt=<s_q>What; when?</s_q><s_answer>",
            "task_prompt=<s_q>a;b=c</s_q><s_answer>;pages=1",
            "task_prompt=<s_q>is <b>;c=d</s_q>",
            "task_prompt=<s_a;trace=1",
            "pages=1;task_prompt=x;trace=1",
        ):
            with self.subTest(text=text), self.assertRaisesRegex(RequestError, "double quotes") as caught:
                self.options(text)
            self.assertEqual(caught.exception.status_code, 400)


if __name__ == "__main__":
    unittest.main()
