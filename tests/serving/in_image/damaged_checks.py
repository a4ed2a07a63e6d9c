"""Images of which part is missing or damaged, which the libraries decode without a word."""

import struct
import unittest
import zlib

import numpy as np
from PIL import Image

from archive_worker import SAMPLES
from documents_in_memory import image, sample, saved
import encoded
from pages import PageCase

DAMAGED = "^The image is damaged or cut: part of its data is missing. Send it whole.$"
END = b"\xff\xd9"


def jpeg(mode="RGB", **options):
    return bytes(saved(image().convert(mode), "JPEG", quality=90, **options))


def png_with(rows, *, interlaced=False):
    """A PNG of 40 by 30 grey pixels with the given bytes of rows, each with its filter."""
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", 40, 30, 8, 0, 0, 0, int(interlaced))),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in parts
    )


class DamagedJpeg(PageCase):
    def test_one_that_is_cut_and_closed_is_rejected(self):
        for index in range(4):
            body = bytes(sample(index))
            for share in (0.5, 0.8, 0.95):
                self.assert_rejected(400, DAMAGED, body[: int(len(body) * share)] + END)

    def test_one_with_damage_in_its_middle_is_rejected(self):
        for damage in (b"\x55" * 200, b"\xff\xd9" * 4, b"\xff\xda" * 20):
            body = bytearray(jpeg())
            middle = len(body) // 2
            body[middle : middle + len(damage)] = damage
            self.assert_rejected(400, "damaged or cut|not a readable image", bytes(body))

    def test_every_kind_of_jpeg_that_is_cut_is_rejected_and_whole_is_not(self):
        for mode in ("RGB", "L", "CMYK"):
            for progressive in (False, True):
                for subsampling in (0, 1, 2) if mode == "RGB" else (0,):
                    body = jpeg(mode, progressive=progressive, subsampling=subsampling)
                    with self.subTest(mode=mode, progressive=progressive, subsampling=subsampling):
                        self.pixels(body)
                        self.assert_rejected(400, DAMAGED, body[: len(body) * 2 // 3] + END)

    def test_a_progressive_jpeg_with_only_its_first_scans_is_rejected(self):
        for mode in ("RGB", "L"):
            body = jpeg(mode, progressive=True)
            scans = [place for place in range(len(body) - 1) if body[place : place + 2] == b"\xff\xda"]
            self.assertGreater(len(scans), 3)
            for scan in scans[1:]:
                # The tables before a scan belong to it.
                end = body.rindex(b"\xff\xc4", 0, scan)
                self.assert_rejected(400, DAMAGED, body[:end] + END)

    def test_one_that_is_cut_in_the_header_of_a_scan_is_rejected(self):
        body = jpeg(progressive=True)
        for length in range(1, 10):
            cut = body[: body.index(b"\xff\xda") + length] + END
            self.assert_rejected(400, "damaged or cut|not a readable image", cut)

    def test_harmless_oddities_are_processed(self):
        body = jpeg()
        whole = self.pixels(body)
        comment = b"\xff\xfe\x00\x12made of %PDF-1.4"
        for odd in (body + bytes(300), body + body, body[:-2] + bytes(4) + END, body[:2] + comment + body[2:]):
            self.assertTrue(np.array_equal(self.pixels(odd), whole))

    def test_no_sample_is_taken_for_a_damaged_one(self):
        for path in sorted(SAMPLES.glob("*.jpg")):
            self.pixels(path.read_bytes())


class DamagedPng(PageCase):
    def test_one_with_too_few_rows_is_rejected(self):
        row = b"\0" + bytes(range(40))
        self.pixels(png_with(row * 30))
        for rows in (row * 15, row * 29, row * 30):
            self.assert_rejected(400, DAMAGED, png_with(rows[:-1]))

    def test_an_interlaced_one_with_too_few_rows_is_rejected(self):
        # Adam7's passes of 40 by 30 pixels.
        passes = b"".join(
            (b"\0" + bytes(w)) * h for w, h in ((5, 4), (5, 4), (10, 4), (10, 8), (20, 7), (20, 15), (40, 15))
        )
        self.pixels(png_with(passes, interlaced=True))
        self.assert_rejected(400, DAMAGED, png_with(passes[:-41], interlaced=True))

    def test_one_with_damaged_data_is_rejected(self):
        body = bytearray(saved(image(), "PNG"))
        body[len(body) // 2] ^= 0xFF
        self.assert_rejected(400, "damaged or cut|not a readable image", bytes(body))

    def test_png_of_every_kind_is_processed(self):
        for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
            self.pixels(bytes(saved(image().convert(mode), "PNG")))


class DamagedTiff(PageCase):
    def test_one_with_fewer_strips_than_rows_is_rejected(self):
        grey = np.arange(40 * 30).reshape(30, 40) % 256
        for order in "<>":
            for deflated in (False, True):
                half = encoded.Directory(grey[:15], 8, encoded.BLACK_IS_ZERO, order=order, deflated=deflated)
                half.tags[278] = (4, [15])
                self.pixels(encoded.tiff_of(half))
                half.tags[257] = (4, [30])
                self.assert_rejected(400, DAMAGED, encoded.tiff_of(half))

    def test_one_whose_last_strip_is_not_in_the_file_is_rejected(self):
        grey = np.arange(40 * 30).reshape(30, 40) % 256
        body = bytearray(encoded.tiff_of(encoded.Directory(grey, 8, encoded.BLACK_IS_ZERO)))
        place = body.index(struct.pack("<HHI", 273, 4, 1)) + 8
        body[place : place + 4] = struct.pack("<I", len(body) - 100)
        self.assert_rejected(400, "damaged or cut|not a readable image", bytes(body))

    def test_compressed_ones_are_processed(self):
        for compression in ("raw", "tiff_lzw", "tiff_deflate", "packbits", "jpeg"):
            self.pixels(bytes(saved(image(), "TIFF", compression=compression)))
        for compression in ("group3", "group4"):
            self.pixels(bytes(saved(image().convert("1"), "TIFF", compression=compression)))


class SmallFrames(PageCase):
    def test_a_gif_smaller_than_its_screen_lies_on_white(self):
        for transparent in (False, True):
            picture = Image.new("P", (20, 10), 1)
            picture.putpalette([0, 0, 0, 200, 0, 0] + [0] * 762)
            body = bytearray(saved(picture, "GIF", **({"transparency": 0} if transparent else {})))
            body[6:10] = struct.pack("<HH", 40, 30)
            page = self.pixels(bytes(body))
            self.assertEqual(page.shape, (30, 40, 3))
            self.assertTrue((page[10:] == 255).all() and (page[:, 20:] == 255).all())
            self.assertTrue((page[:10, :20] == (200, 0, 0)).all())


class TwelveBits(PageCase):
    def test_colours_of_twelve_bits_in_sixteen_are_rejected_beside_full_opacity(self):
        grey = np.asarray(image().convert("L")).astype(int) * 16
        opaque = np.full_like(grey, 65535)
        for samples, colour in (
            (np.dstack([grey, opaque]), encoded.GREY_ALPHA),
            (np.dstack([grey, grey, grey, opaque]), encoded.RGBA),
        ):
            self.assert_rejected(422, "white level is unknown", encoded.png(samples, colour, 16))
            self.pixels(encoded.png(np.where(samples < 65535, samples * 16, samples), colour, 16))

    def test_ink_of_twelve_bits_in_sixteen_is_rejected(self):
        ink = np.asarray(image().convert("CMYK")).astype(int)
        dim = encoded.Directory(ink * 16, 16, encoded.SEPARATED)
        self.assert_rejected(422, "white level is unknown", encoded.tiff_of(dim))
        self.pixels(encoded.tiff_of(encoded.Directory(ink * 257, 16, encoded.SEPARATED)))


if __name__ == "__main__":
    unittest.main()
