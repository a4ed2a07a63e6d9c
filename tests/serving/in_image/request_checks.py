"""Requests through the real handler: what is answered, what is refused, and that the worker goes on."""

import json
import os
import struct
import unittest
from unittest import mock

from PIL import Image

from archive_worker import Call, Worker
import documents
from documents_in_memory import (
    FIELDS,
    blank,
    deep_tiff,
    encrypted_pdf,
    envelope,
    image,
    pdf,
    raw_pdf,
    sample,
    saved,
    tiff,
)
from limits import Limits


class Requests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.worker = Worker()

    def predictions(self, body, content_type="application/x-image", **headers):
        answer = self.worker.request(body, content_type, **headers)
        self.assertEqual((answer.status, answer.content_type), (200, "application/json"), answer.text)
        return json.loads(answer.text)["predictions"]

    def assert_reads(self, indices, body, content_type="application/x-image", **headers):
        self.assertEqual(self.predictions(body, content_type, **headers), [FIELDS[index] for index in indices])

    def assert_refuses(self, status, sentence, body, content_type="application/x-image", **headers):
        """The status, one ASCII sentence and nothing more, and a worker that still reads."""
        answer = self.worker.request(body, content_type, **headers)
        self.assertEqual(answer.status, status, answer.text)
        self.assertRegex(answer.text, sentence)
        self.assertEqual(answer.content_type, "text/plain")
        self.assertTrue(answer.text.endswith("."), answer.text)
        self.assertEqual(len(answer.text.splitlines()), 1)
        answer.text.encode("ascii")
        self.assert_reads([0], sample())

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
                self.assert_refuses(406, "^Answers in .* are not served", sample(), accept=accept)

    def test_another_content_type_is_refused(self):
        for content_type in ("text/csv", "text/plain", "", None, "im\u00e4ge/png", "application/x-www-form-urlencoded"):
            with self.subTest(content_type=content_type):
                self.assert_refuses(415, "^The content type .* is not served: send", sample(), content_type)

    def test_a_file_called_what_it_is_not_is_refused(self):
        self.assert_refuses(415, "^The body is a PDF and called image/png", pdf(0), "image/png")
        self.assert_refuses(400, r"^The body \(\d+ bytes\) is not a PDF", sample(), "application/pdf")

    def test_an_empty_body_is_refused(self):
        for body in (None, bytearray()):
            with self.subTest(body=body):
                self.assert_refuses(400, "^The body is empty", body)

    def test_what_is_no_image_is_refused(self):
        whole = saved(image(), "PNG")
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
        self.assert_refuses(400, "^The image of page 1 is 2x6000 points", raw_pdf(box="0 0 2 6000"), "application/pdf")

    def test_too_many_pixels_are_refused_before_they_are_unpacked(self):
        with mock.patch.dict(os.environ, MAX_IMAGE_PIXELS="20000"):
            self.assert_refuses_pixels(blank(200, 101))
            self.assert_refuses_pixels(blank(2000, 1001))
            self.assertEqual(len(self.predictions(blank(200, 100))), 1)

    def assert_refuses_pixels(self, body):
        answer = self.worker.request(body)
        self.assertEqual(answer.status, 413, answer.text)
        self.assertRegex(answer.text, "^The image has more than 20000 pixels: .*MAX_IMAGE_PIXELS.$")

    def test_a_page_of_another_shape_is_answered(self):
        for size in ((1, 1), (900, 300), (300, 2000)):
            with self.subTest(size=size):
                self.assertEqual(len(self.predictions(blank(*size))), 1)

    def test_a_photograph_is_turned_as_its_exif_says(self):
        on_its_side = image().transpose(Image.ROTATE_90)
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned by a quarter clockwise
        self.assert_reads([0], saved(on_its_side, "JPEG", quality=98, exif=exif))

    def test_a_transparent_page_is_read_on_white(self):
        page = image().convert("L")
        clear = Image.merge("LA", (Image.new("L", page.size, 0), page.point(lambda value: 255 - value)))
        read = self.predictions(saved(clear, "PNG"))
        self.assertEqual(read, self.predictions(saved(page, "PNG")))

    def test_sixteen_bits_are_read_as_eight(self):
        page = image().convert("L")
        deep = page.convert("I").point(lambda value: value * 256).convert("I;16")
        self.assertEqual(self.predictions(saved(deep, "PNG")), self.predictions(saved(page, "PNG")))

    def test_deep_grey_is_brought_down_by_the_depth_that_its_file_tells(self):
        page = image().convert("L")
        read = self.predictions(saved(page, "PNG"))
        for bits, options in (
            (12, {}),
            (16, {}),
            (16, {"white_is_zero": True}),
            (32, {}),
            (32, {"kind": 3}),
            (32, {"kind": 3, "white_is_zero": True}),
        ):
            with self.subTest(bits=bits, **options):
                self.assertEqual(self.predictions(deep_tiff(page, bits, **options), "image/tiff"), read)

    def test_deep_grey_is_turned_and_laid_on_white_as_other_images_are(self):
        page = image().convert("L")
        deep = page.convert("I").point(lambda value: value * 256)
        on_its_side = page.transpose(Image.ROTATE_90)
        exif = Image.Exif()
        exif[0x0112] = 6
        sideways = on_its_side.convert("I").point(lambda value: value * 256).convert("I;16")
        read = self.predictions(saved(page, "PNG"))
        self.assertEqual(self.predictions(saved(sideways, "PNG", exif=exif)), read)
        # The value of its darkest pixel is said to be transparent.
        darkest = page.getextrema()[0]
        bleached = page.point(lambda value: 255 if value == darkest else value)
        clear = documents.open_document(bytes(saved(deep, "PNG", transparency=darkest * 256)), Limits.of_environment())
        self.assertEqual(clear.page(1, 128).tobytes(), bleached.convert("RGB").tobytes())

    def test_grey_whose_white_nobody_knows_is_refused(self):
        page = image().convert("L")
        for bits in (16, 32):
            body = deep_tiff(page, bits, kind=2)
            self.assert_refuses(422, f"^The grey image has signed values of {bits} bits, .*unsigned.$", body)
        tall = deep_tiff(page, 32, kind=3)
        tall[8:12] = struct.pack("<f", 255.0)
        self.assert_refuses(422, "^The grey image has floating point values from .* to 255, not from 0 to 1", tall)
        tall[8:12] = struct.pack("<f", float("nan"))
        self.assert_refuses(422, "^The grey image has floating point values from nan to nan", tall)

    def test_every_page_is_read_in_its_order(self):
        self.assert_reads([0, 1, 2], tiff(0, 1, 2), "image/tiff")
        self.assert_reads([2, 0, 1], pdf(2, 0, 1), "application/pdf")

    def test_pages_are_chosen_by_custom_attributes_or_in_the_envelope(self):
        three = tiff(0, 1, 2)
        for asked, indices in (("2", [1]), ("1-2", [0, 1]), ("3,1", [2, 0])):
            with self.subTest(asked=asked):
                self.assert_reads(indices, three, "image/tiff", custom_attributes=f"trace-id; pages={asked}; x=1")
                self.assert_reads(indices, envelope(three, pages=asked), "application/json")
        self.assert_reads([2, 0], envelope(three, pages=[3, 1]), "application/json")
        self.assert_reads([1], envelope(three, pages=2), "application/json", custom_attributes="pages=1")

    def test_pages_that_are_none_are_refused(self):
        for asked in ("x", "0-1-2", "", "1;2", "-1", "\u0663"):
            with self.subTest(asked=asked):
                self.assert_refuses(400, "^The pages .* are none", envelope(sample(), pages=asked), "application/json")
        for asked in ([True], {"from": 1}, 1.5):
            with self.subTest(asked=asked):
                self.assert_refuses(400, "^The pages .* are none", envelope(sample(), pages=asked), "application/json")
        for asked in ("0", "2", "1-2", "2-1", "999999999"):
            with self.subTest(asked=asked):
                self.assert_refuses(422, "^The document has 1 pages", sample(), custom_attributes=f"pages={asked}")

    def test_a_document_of_too_many_pages_is_refused_unless_fewer_are_asked_for(self):
        many = raw_pdf(count=1000)
        self.assert_refuses(
            413, "^The document has 1000 pages, more than 50: .*pages, as 1-50", many, "application/pdf"
        )
        self.assertEqual(len(self.predictions(many, "application/pdf", custom_attributes="pages=999-1000")), 2)
        with mock.patch.dict(os.environ, MAX_PAGES="2"):
            answer = self.worker.request(tiff(0, 1, 2), "image/tiff")
            self.assertEqual(answer.status, 413, answer.text)
            answer = self.worker.request(many, "application/pdf", custom_attributes="pages=1-999999999")
            self.assertEqual(answer.status, 422, answer.text)
            answer = self.worker.request(many, "application/pdf", custom_attributes="pages=1-3")
            self.assertEqual(answer.status, 413, answer.text)

    def test_a_pdf_that_cannot_be_read_is_refused(self):
        self.assert_refuses(422, "^The PDF is encrypted", encrypted_pdf(), "application/pdf")
        self.assert_refuses(400, "with at least one page", raw_pdf(count=0), "application/pdf")
        self.assert_refuses(400, "is not a readable PDF", bytearray(b"%PDF-1.4\nnothing more"), "application/pdf")

    def test_a_page_that_breaks_in_the_middle_refuses_the_document_and_names_it(self):
        broken = tiff(0, 1)
        broken[-2000:] = bytes(2000)
        answer = self.worker.request(broken, "image/tiff")
        self.assertIn(answer.status, (200, 400), answer.text)
        whole = saved(image(), "PNG")
        with mock.patch("documents._plain", side_effect=OSError("cut")):
            answer = self.worker.request(tiff(0, 1), "image/tiff")
        self.assertEqual((answer.status, answer.text.split(":")[0]), (400, "The image of page 1 is not readable"))
        self.assert_reads([0], whole)

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
            (None, "^The JSON is no object"),
            ([1], "^The JSON is no object"),
            ({"image": "x"}, "^The JSON has an unknown key 'image'"),
            ({}, '^The JSON has no "document"'),
            ({"document": 1}, '^The JSON has no "document"'),
            ({"document": "k\u00e4se"}, '^The "document" is not base64'),
            ({"document": ""}, "^The body is empty"),
            (envelope(sample(), task_prompt=7), "^The task prompt is 7"),
        ):
            with self.subTest(body=body):
                self.assert_refuses(400, sentence, body, "application/json")

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
                    self.assert_refuses(400, "does not know the task prompt .*<s_receipt>", body, "application/json")
                else:
                    self.assert_reads([0], body, "application/json")
        long = "<s_receipt>" * 136
        self.assert_refuses(
            400, "has 136 tokens and leaves no room", envelope(sample(), task_prompt=long), "application/json"
        )

    def test_a_model_that_fails_is_told_in_ascii(self):
        error = RuntimeError("Ger\u00e4t voll\nzweite Zeile")
        with mock.patch.object(self.worker.reader, "_decode", side_effect=error):
            answer = self.worker.request(sample())
        self.assertEqual(answer.status, 500)
        self.assertEqual(
            answer.text, r"The model failed on this document: 'RuntimeError: Ger\xe4t voll\nzweite Zeile'."
        )
        self.assert_reads([0], sample())


class Batches(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.worker = Worker()

    def test_requests_that_come_together_are_read_together_each_with_its_own_headers(self):
        answers = self.worker.batch(
            Call(sample(0), "image/jpeg"),
            Call(pdf(1, 2), "application/pdf", accept="application/jsonlines"),
            Call(envelope(sample(3)), "application/json"),
        )
        self.assertEqual([answer.status for answer in answers], [200, 200, 200])
        self.assertEqual(
            [answer.content_type for answer in answers],
            ["application/json", "application/jsonlines", "application/json"],
        )
        first, last = (json.loads(answers[index].text) for index in (0, 2))
        self.assertEqual([*first["predictions"], *last["predictions"]], [FIELDS[0], FIELDS[3]])
        lines = [json.loads(line) for line in answers[1].text.splitlines()]
        self.assertEqual([line["prediction"] for line in lines], FIELDS[1:3])
        for page in (*first["pages"], *lines, *last["pages"]):
            self.assertEqual(page["read_together"], 4)

    def test_one_bad_request_fails_alone(self):
        answers = self.worker.batch(
            Call(sample(0)),
            Call(bytearray(b"no image")),
            Call(sample(1), accept="text/csv"),
            Call(sample(1), custom_attributes="task_prompt=<s_x>"),
            Call(None),
            Call(sample(1)),
        )
        self.assertEqual([answer.status for answer in answers], [200, 400, 406, 400, 400, 200])
        read = [json.loads(answers[index].text) for index in (0, 5)]
        self.assertEqual([answer["predictions"] for answer in read], [[FIELDS[0]], [FIELDS[1]]])
        self.assertEqual(read[0]["pages"][0]["read_together"], 2)

    def test_a_page_at_which_the_model_fails_takes_no_other_with_it(self):
        decode = self.worker.reader._decode
        poison = self.worker.reader.model.encoder.prepare_input(Image.new("RGB", (128, 192), "black"))

        def failing(pages):
            if any(page.tensor.equal(poison) for page in pages):
                raise RuntimeError("out of memory")
            return decode(pages)

        black = saved(Image.new("RGB", (128, 192), "black"), "PNG")
        with mock.patch.object(self.worker.reader, "_decode", side_effect=failing):
            answers = self.worker.batch(Call(sample(0)), Call(black), Call(sample(1)))
        self.assertEqual([answer.status for answer in answers], [200, 500, 200])
        self.assertEqual(answers[1].text, "The model failed on this document: 'RuntimeError: out of memory'.")
        for index, answer in ((0, answers[0]), (1, answers[2])):
            self.assertEqual(json.loads(answer.text)["predictions"], [FIELDS[index]])

    def test_more_pages_than_go_at_once_are_read_in_turns(self):
        answers = self.worker.batch(*(Call(tiff(0, 1, 2), "image/tiff") for _ in range(7)))
        together = []
        for answer in answers:
            read = json.loads(answer.text)
            self.assertEqual(read["predictions"], FIELDS[:3])
            together.extend(page["read_together"] for page in read["pages"])
        self.assertEqual(together, [16] * 16 + [5] * 5)

    def test_an_error_outside_every_request_answers_all_of_them(self):
        with mock.patch.object(self.worker.reader, "read", side_effect=RuntimeError("lost")):
            answers = self.worker.batch(Call(sample(0)), Call(sample(1)))
        self.assertEqual([answer.status for answer in answers], [500, 500])
        self.assertEqual(
            {answer.text for answer in answers}, {"The model server failed on this batch: its log says why."}
        )


if __name__ == "__main__":
    unittest.main()
