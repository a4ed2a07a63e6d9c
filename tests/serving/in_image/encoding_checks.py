"""Pages of every depth and layout, compared with the numbers that were encoded."""

import struct
import unittest

import numpy as np

import encoded
from encoded import Directory, png, tiff_of
from pages import PageCase, RequestError

HEIGHT, WIDTH = 24, 36
GREY = np.tile(np.linspace(0, 255, WIDTH).astype(int), (HEIGHT, 1))
GREY[5:9, 3:20], GREY[12:15] = 0, 255
COLOUR = np.dstack([GREY, 255 - GREY, np.roll(GREY, 7, axis=1)])
OPACITY = np.tile(np.linspace(255, 0, HEIGHT).astype(int)[:, None], (1, WIDTH))
LEAST, MOST = 340, 341  # SMinSampleValue, SMaxSampleValue
FLOAT, SHORT = 11, 3  # types of fields
EXTRA_SAMPLES = 338


def deepened(values, bits):
    """Values of 0 to 255 in so many bits, white as all ones."""
    return np.rint(values * ((2**bits - 1) / 255)).astype(np.int64)


def shown(values, bits=8):
    """What a viewer shows of values in so many bits."""
    levels = 2**bits - 1
    grey = np.rint(np.rint(values * levels / 255) * 255 / levels).astype(int)
    return np.repeat(grey[:, :, None], 3, axis=2) if grey.ndim == 2 else grey


def on_paper(values):
    opacity = OPACITY[:, :, None] / 255
    return shown(values) * opacity + 255 * (1 - opacity)


class Pngs(PageCase):
    def test_grey_of_each_depth(self):
        for bits in (1, 2, 4, 8, 16):
            with self.subTest(bits=bits):
                self.assert_pixels(png(deepened(GREY, bits), encoded.GREY, bits), shown(GREY, bits))

    def test_grey_whose_transparent_value_is_any_of_its_values(self):
        for bits in (1, 2, 4, 8, 16):
            values = deepened(GREY, bits)
            for clear in {int(values[0, 0]), int(values[0, 10]), int(values[0, -1])}:
                with self.subTest(bits=bits, clear=clear):
                    body = png(values, encoded.GREY, bits, (b"tRNS", struct.pack(">H", clear)))
                    expected = np.where((values == clear)[:, :, None], 255, shown(GREY, bits))
                    self.assert_pixels(body, expected)

    def test_colour_of_16_bits_whose_transparent_value_is_one_of_its_values(self):
        values = deepened(COLOUR, 16) // 7 * 7  # so that the two bytes of a value differ
        clear = values[0, 10]
        body = png(values, encoded.RGB, 16, (b"tRNS", struct.pack(">HHH", *map(int, clear))))
        expected = np.where((values == clear).all(axis=2)[:, :, None], 255, COLOUR)
        self.assert_pixels(body, expected)

    def test_colour_and_opacity_of_each_depth(self):
        for bits in (8, 16):
            opacity = deepened(OPACITY, bits)
            with self.subTest(bits=bits):
                self.assert_pixels(png(deepened(COLOUR, bits), encoded.RGB, bits), COLOUR)
                self.assert_pixels(
                    png(np.dstack([deepened(GREY, bits), opacity]), encoded.GREY_ALPHA, bits), on_paper(GREY)
                )
                self.assert_pixels(
                    png(np.dstack([deepened(COLOUR, bits), opacity]), encoded.RGBA, bits), on_paper(COLOUR)
                )

    def test_colour_that_fills_only_the_lowest_of_16_bits_is_rejected(self):
        body = png(deepened(COLOUR, 12), encoded.RGB, 16)
        self.assert_rejected(422, "^The image has 16 bits a sample and uses only the lowest", body)

    def test_black_of_any_opacity_fills_the_range(self):
        black, opacity = np.zeros_like(COLOUR), deepened(OPACITY, 16)
        expected = 255 * (1 - np.dstack([OPACITY] * 3) / 255)
        self.assert_pixels(png(np.dstack([black, opacity]), encoded.RGBA, 16), expected)
        self.assert_pixels(png(np.dstack([black[:, :, 0], opacity]), encoded.GREY_ALPHA, 16), expected)

    def test_grey_that_fills_only_the_lowest_of_16_bits_is_brought_up(self):
        for bits in (8, 10, 12, 14):
            with self.subTest(bits=bits):
                self.assert_pixels(png(deepened(GREY, bits), encoded.GREY, 16), shown(GREY))


class Tiffs(PageCase):
    def variants(self, samples, bits, photometric, **options):
        """The TIFF in either byte order, with its strip as it is and compressed."""
        for order in "<>":
            for deflated in (False, True):
                with self.subTest(bits=bits, order=order, deflated=deflated, photometric=photometric, **options):
                    yield tiff_of(Directory(samples, bits, photometric, order=order, deflated=deflated, **options))

    def assert_right_or_named(self, body, expected):
        """Either the right pixels, or a sentence that says what the pixels of the file are."""
        try:
            self.assert_pixels(body, expected)
        except RequestError as error:
            self.assertEqual(error.status_code, 422)
            self.assertRegex(
                str(error), r"^The TIFF image has pixels of \d x [\d/]+ bits, [\w ]+, which is not processed: "
            )

    def test_grey_of_each_depth_black_or_white_being_zero(self):
        for bits in (1, 2, 4, 8, 10, 12, 14, 16, 24, 32):
            values = deepened(GREY, bits)
            for body in self.variants(values, bits, encoded.BLACK_IS_ZERO):
                self.assert_right_or_named(body, shown(GREY, bits))
            for body in self.variants(2**bits - 1 - values, bits, encoded.WHITE_IS_ZERO):
                self.assert_right_or_named(body, shown(GREY, bits))

    def test_the_depths_that_cameras_and_scanners_write_are_processed(self):
        for bits in (12, 16, 32):
            self.assert_pixels(tiff_of(Directory(deepened(GREY, bits), bits, encoded.BLACK_IS_ZERO)), shown(GREY))

    def test_grey_that_fills_only_the_lowest_bits_of_its_samples_is_brought_up(self):
        for bits, stored in ((8, 16), (10, 16), (12, 16), (14, 16), (16, 32)):
            for body in self.variants(deepened(GREY, bits), stored, encoded.BLACK_IS_ZERO):
                self.assert_right_or_named(body, shown(GREY))

    def test_the_range_that_the_file_declares_goes_before_its_depth(self):
        declared = {LEAST: (SHORT, [1000]), MOST: (SHORT, [41000])}
        for body in self.variants(GREY * 40000 // 255 + 1000, 16, encoded.BLACK_IS_ZERO, tags=declared):
            self.assert_pixels(body, shown(GREY))
        declared = {LEAST: (FLOAT, [-1.0]), MOST: (FLOAT, [3.0])}
        for body in self.variants(
            GREY * (4 / 255) - 1, 32, encoded.BLACK_IS_ZERO, kind=encoded.FLOATING, tags=declared
        ):
            self.assert_pixels(body, shown(GREY))
        declared = {LEAST: (8, [-2000]), MOST: (8, [2000])}
        for body in self.variants(
            GREY * 4000 // 255 - 2000, 16, encoded.BLACK_IS_ZERO, kind=encoded.SIGNED, tags=declared
        ):
            self.assert_pixels(body, shown(GREY))

    def test_floating_point_from_black_to_white(self):
        for body in self.variants(GREY / 255, 32, encoded.BLACK_IS_ZERO, kind=encoded.FLOATING):
            self.assert_pixels(body, shown(GREY))
        for bits in (16, 64):
            for body in self.variants(GREY / 255, bits, encoded.BLACK_IS_ZERO, kind=encoded.FLOATING):
                self.assert_right_or_named(body, shown(GREY))

    def test_signed_samples_without_a_range_are_rejected(self):
        for bits in (8, 16, 32):
            values = deepened(GREY, bits) - 2 ** (bits - 1)
            for body in self.variants(values, bits, encoded.BLACK_IS_ZERO, kind=encoded.SIGNED):
                self.assert_rejected(422, "signed", body)

    def test_colour_of_each_depth_together_or_in_planes(self):
        for bits in (8, 12, 16, 32):
            for planar in (False, True):
                for body in self.variants(deepened(COLOUR, bits), bits, encoded.TRUE_COLOUR, planar=planar):
                    self.assert_right_or_named(body, COLOUR)
        for body in self.variants(COLOUR / 255, 32, encoded.TRUE_COLOUR, kind=encoded.FLOATING):
            self.assert_right_or_named(body, COLOUR)

    def test_colour_that_fills_only_the_lowest_of_16_bits_is_rejected(self):
        for body in self.variants(deepened(COLOUR, 12), 16, encoded.TRUE_COLOUR):
            self.assert_rejected(422, "^The image has 16 bits a sample and uses only the lowest", body)

    def test_opacity_is_laid_on_paper_and_another_sample_is_not(self):
        for bits in (8, 16):
            opacity = deepened(OPACITY, bits)
            faded = deepened(np.rint(COLOUR * (OPACITY[:, :, None] / 255)), bits)
            for values, meaning, expected in (
                (deepened(COLOUR, bits), 0, COLOUR),
                (faded, 1, on_paper(COLOUR)),
                (deepened(COLOUR, bits), 2, on_paper(COLOUR)),
            ):
                tags = {EXTRA_SAMPLES: (SHORT, [meaning])}
                for body in self.variants(np.dstack([values, opacity]), bits, encoded.TRUE_COLOUR, tags=tags):
                    self.assert_right_or_named(body, expected)
                grey = values[:, :, 0]
                for body in self.variants(np.dstack([grey, opacity]), bits, encoded.BLACK_IS_ZERO, tags=tags):
                    self.assert_right_or_named(body, shown(GREY) if meaning == 0 else on_paper(GREY))

    def test_a_compression_that_is_not_decoded_is_named(self):
        aperio = {259: (SHORT, [33003])}
        body = tiff_of(Directory(COLOUR, 8, encoded.TRUE_COLOUR, tags=aperio))
        self.assert_rejected(
            422, "^The TIFF image has pixels of 3 x 8 bits, unsigned, in compression 33003, which", body
        )

    def test_inks_of_8_and_16_bits(self):
        inks = np.dstack([255 - COLOUR, np.zeros_like(GREY)])
        for bits in (8, 16):
            for body in self.variants(deepened(inks, bits), bits, encoded.SEPARATED):
                self.assert_right_or_named(body, COLOUR)
        faint = np.full((8, 8, 4), 5000)
        self.assert_right_or_named(tiff_of(Directory(faint, 16, encoded.SEPARATED)), np.full((8, 8, 3), 217))


if __name__ == "__main__":
    unittest.main()
