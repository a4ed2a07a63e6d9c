"""Formats by their first bytes: HEIC and AVIF are processed, others are rejected by name."""

import dataclasses
import io
import struct
import unittest
from unittest import mock
import zipfile

import numpy as np
from PIL import Image

from documents_in_memory import avif, quarters
import heic_pictures
from pages import Limits, PageCase, documents


def zipped(*names):
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name in names:
            archive.writestr(name, "x" * 100)
    return written.getvalue()


class ProcessedKinds(PageCase):
    def assert_quarters(self, body, within=6):
        """The middles of the quarters: a lossy encoder smears the edges."""
        found, expected = self.pixels(body), quarters()
        self.assertEqual(found.shape, expected.shape)
        for row in (24, 72):
            for column in (16, 48):
                self.assertLessEqual(np.abs(found[row, column] - expected[row, column]).max(), within)

    def test_heic_upright_of_any_depth_and_its_primary_picture(self):
        for name in ("PLAIN", "TURNED", "SECOND", "TEN_BITS"):
            with self.subTest(name=name):
                body = getattr(heic_pictures, name)
                self.assertEqual(self.page_count(body), 1)
                self.assert_quarters(body)

    def test_avif_upright(self):
        self.assert_quarters(avif(quarters()), within=20)
        on_its_side = np.rot90(quarters())
        exif = Image.Exif()
        exif[0x0112] = 6
        self.assert_quarters(avif(on_its_side, exif=exif.tobytes()), within=20)

    def test_a_file_that_calls_itself_mif1_is_read_by_its_other_brands(self):
        for body in (heic_pictures.PLAIN, avif(quarters())):
            renamed = body[:8] + b"mif1" + body[12:]
            self.assert_quarters(renamed, within=20)

    def test_heic_and_avif_that_are_cut_off_are_rejected(self):
        for body in (heic_pictures.PLAIN, avif(quarters())):
            for end in (30, len(body) // 2, len(body) - 20):
                with self.subTest(end=end):
                    self.assert_rejected(400, "is not a readable image", body[:end])

    def test_heic_and_avif_of_too_many_pixels_are_rejected_before_they_are_decoded(self):
        for body in (heic_pictures.PLAIN, avif(quarters())):
            document = documents.open_document(
                body, dataclasses.replace(Limits.from_environment(), pages=1, image_pixels=6000)
            )
            decoded = mock.patch("image_files.plain", side_effect=AssertionError("decoded"))
            with decoded, self.assertRaisesRegex(Exception, "^The image has more than 6000 pixels"):
                document.page(1, 10)

    def test_a_heic_that_says_that_it_is_huge_is_rejected(self):
        place = heic_pictures.PLAIN.index(b"ispe") + 8
        body = bytearray(heic_pictures.PLAIN)
        body[place : place + 8] = struct.pack(">II", 60000, 60000)
        with self.assertRaisesRegex(Exception, "pixels|not a readable image"):
            self.pixels(bytes(body))


class RejectedKinds(PageCase):
    def test_a_known_format_is_rejected_by_its_name_with_a_way_out(self):
        for body, name in (
            (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40), "a JPEG 2000 image"),
            (b"\xff\x4f\xff\x51" + bytes(40), "a JPEG 2000 image"),
            (b"\xff\x0a" + bytes(40), "a JPEG XL image"),
            (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40), "a JPEG XL image"),
            (b"8BPS\0\1" + bytes(40), "a Photoshop file"),
            (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript or EPS"),
            (b"\xd7\xcd\xc6\x9a" + bytes(40), "a Windows metafile"),
            (b"\1\0\0\0" + bytes(36) + b" EMF", "a Windows metafile"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "an Office file"),
            (zipped("[Content_Types].xml", "word/document.xml"), "an Office file"),
            (zipped("_rels/.rels", "xl/workbook.xml"), "an Office file"),
            (zipped("receipt.jpg"), "a ZIP archive"),
            (b"\x1f\x8b\x08" + bytes(40), "compressed with gzip"),
            (b"7z\xbc\xaf\x27\x1c" + bytes(40), "a 7z or RAR archive"),
            (b"{\\rtf1 text}", "an RTF text"),
            (b"--abc\r\nContent-Disposition: form-data; name=a\r\n\r\n", "a form"),
            (b"data:image/png;base64,iVBORw0KGgo", "a data URL"),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
            (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- made by hand -->\n<svg:svg >', "an SVG drawing"),
            (b"\n<!DOCTYPE html>\n<html>", "an HTML page"),
            (b"<HTML><body>", "an HTML page"),
            (b"\0\0\0\x18ftypisom\0\0\2\0isomiso2", "a video"),
            (b"II*\0\x10\0\0\0CR\2\0", "a raw photograph"),
        ):
            with self.subTest(name=name, body=body[:20]):
                self.assert_rejected(415, rf"^The body \(\d+ bytes\) is {name}.*, which is not processed: \w+", body)

    def test_what_cannot_be_read_and_has_a_layout_of_its_own_is_named(self):
        written = io.BytesIO()
        Image.new("L", (8, 8)).save(written, "BMP")
        runs = bytearray(written.getvalue())
        runs[30] = 2  # run-length encoded with 4 bits: Pillow up to 12.2 returns other pixels
        self.assert_rejected(422, "^The BMP image is run-length encoded", bytes(runs))
        masks = bytearray(written.getvalue())
        masks[28], masks[30] = 32, 3  # 32 bits by masks, of which none is given
        self.assert_rejected(422, "^The BMP image has 32 bits a pixel in a layout", bytes(masks))

    def test_a_jpeg_of_twelve_bits_is_named(self):
        body = b"\xff\xd8\xff\xc1" + struct.pack(">HBHHB", 11, 12, 8, 8, 1) + b"\1\x11\0\xff\xd9"
        self.assert_rejected(422, "^The JPEG image has 12 bits a sample", body)


if __name__ == "__main__":
    unittest.main()
