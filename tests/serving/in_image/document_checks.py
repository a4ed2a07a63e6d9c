"""Documents through the real handler: images, transparency, depth, pages, PDF."""

import os
import struct
import unittest
from unittest import mock

from PIL import Image

import archive_worker  # noqa: F401 - puts the archive's code on the import path
import documents
from documents_in_memory import (
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
from request_case import RequestCase
from request_errors import RequestError


class Documents(RequestCase):
    def test_what_is_no_image_is_refused(self):
        whole = saved(image(), "PNG")
        broken = bytearray(whole)
        broken[60:400] = bytes(340)
        for name, body in (
            ("text", bytearray("kein Bild: \u00e4".encode())),
            ("cut", whole[: len(whole) // 2]),
            ("header only", whole[:24]),
            ("broken", broken),
            ("another format", bytearray(b"SIMPLE  =                    T")),
        ):
            with self.subTest(name=name):
                self.assert_rejects(
                    400, r"^The body \(\d+ bytes\) is not a readable image|^The image is damaged or cut", body
                )

    def test_a_strip_that_would_grow_to_gigabytes_is_refused(self):
        self.assert_rejects(400, "^The image is 2x60000 pixels", blank(2, 60000))
        self.assert_rejects(400, "^The image of page 1 is 2x6000 points", raw_pdf(box="0 0 2 6000"), "application/pdf")

    def test_too_many_pixels_are_refused_before_they_are_unpacked(self):
        with mock.patch.dict(os.environ, MAX_IMAGE_PIXELS="20000"):
            self.assert_rejects_pixels(blank(200, 101))
            self.assert_rejects_pixels(blank(2000, 1001))
            self.assertEqual(len(self.predictions(blank(200, 100))), 1)

    def assert_rejects_pixels(self, body):
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
        clear = documents.open_document(
            bytes(saved(deep, "PNG", transparency=darkest * 256)), Limits.from_environment()
        )
        self.assertEqual(clear.page(1, 128).tobytes(), bleached.convert("RGB").tobytes())

    def test_grey_whose_white_nobody_knows_is_refused(self):
        page = image().convert("L")
        for bits in (16, 32):
            body = deep_tiff(page, bits, kind=2)
            self.assert_rejects(422, f"^The grey image has signed values of {bits} bits, .*unsigned.$", body)
        tall = deep_tiff(page, 32, kind=3)
        tall[8:12] = struct.pack("<f", 255.0)
        self.assert_rejects(422, "^The grey image has floating point values from .* to 255, not from 0 to 1", tall)
        tall[8:12] = struct.pack("<f", float("nan"))
        self.assert_rejects(422, "^The grey image has floating point values from nan to nan", tall)

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
                self.assert_rejects(
                    400, "^The pages .* are invalid", envelope(sample(), pages=asked), "application/json"
                )
        for asked in ([True], {"from": 1}, 1.5):
            with self.subTest(asked=asked):
                self.assert_rejects(
                    400, "^The pages .* are invalid", envelope(sample(), pages=asked), "application/json"
                )
        for asked in ("0", "2", "1-2", "2-1", "999999999"):
            with self.subTest(asked=asked):
                self.assert_rejects(
                    422, "^The document has 1 readable pages", sample(), custom_attributes=f"pages={asked}"
                )

    def test_a_document_of_too_many_pages_is_refused_unless_fewer_are_asked_for(self):
        many = raw_pdf(count=1000)
        self.assert_rejects(
            413, "^The document has 1000 pages, more than 50: .*pages, such as 1-50", many, "application/pdf"
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
        self.assert_rejects(422, "^The PDF is encrypted", encrypted_pdf(), "application/pdf")
        self.assert_rejects(400, "with at least one page", raw_pdf(count=0), "application/pdf")
        self.assert_rejects(400, "is not a readable PDF", bytearray(b"%PDF-1.4\nnothing more"), "application/pdf")

    def test_a_page_that_breaks_in_the_middle_refuses_the_document_and_names_it(self):
        broken = tiff(0, 1)
        broken[-2000:] = bytes(2000)
        answer = self.worker.request(broken, "image/tiff")
        self.assertIn(answer.status, (200, 400), answer.text)
        # A mock does not reach the process that draws a worker's documents.
        whole = documents.open_document(bytes(tiff(0, 1)), Limits.from_environment())
        cut = mock.patch("image_files.plain", side_effect=OSError("cut"))
        with cut, self.assertRaisesRegex(RequestError, "^The image of page 1 is not readable: "):
            whole.page(1, 128)


if __name__ == "__main__":
    unittest.main()
