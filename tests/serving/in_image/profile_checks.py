"""ICC profiles: applied where they change the page, and never a reason to fail."""

import io
import unittest
from unittest import mock

import numpy as np
from PIL import Image

from pages import PageCase
import profiles

COLOURS = np.array([[(200, 40, 90), (10, 120, 250), (255, 255, 255), (0, 0, 0)]] * 2)
GREYS = np.array([[0, 30, 100, 200, 255]] * 2)


def saved(values, mode, kind, profile, **options):
    written = io.BytesIO()
    Image.fromarray(values.astype(np.uint8), mode).save(written, kind, icc_profile=profile, **options)
    return written.getvalue()


def encoded_in_srgb(linear):
    """IEC 61966-2-1."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 0) ** (1 / 2.4) - 0.055) * 255


class Profiles(PageCase):
    def test_colours_of_other_primaries_are_converted(self):
        # What the file calls red is green, and the other way round.
        swapped = profiles.of_primaries(profiles.GREEN, profiles.RED, profiles.BLUE, 2.2)
        for kind in ("PNG", "TIFF"):
            self.assert_pixels(saved(COLOURS, "RGB", kind, swapped), COLOURS[:, :, [1, 0, 2]], within=8)

    def test_greys_and_colours_of_another_gamma_are_converted(self):
        grey = np.repeat(encoded_in_srgb(GREYS / 255)[:, :, None], 3, axis=2)
        self.assert_pixels(saved(GREYS, "L", "PNG", profiles.of_grey(1.0)), grey, within=3)
        linear = profiles.of_primaries(profiles.RED, profiles.GREEN, profiles.BLUE, 1.0)
        self.assert_pixels(saved(COLOURS, "RGB", "PNG", linear), encoded_in_srgb(COLOURS / 255), within=3)

    def test_inks_are_converted_by_their_profile(self):
        # Every ink is a grey of its own in this press; paper is white.
        press = profiles.of_inks(lambda c, m, y, k: (100 - 20 * c - 30 * m - 10 * y - 40 * k, 0, 0))
        inks = np.array([[(0, 0, 0, 0), (255, 0, 0, 0), (0, 255, 0, 0), (0, 0, 0, 255), (255, 255, 255, 255)]] * 2)
        lightness = np.array([[100, 80, 70, 60, 0]] * 2)
        luminance = np.where(lightness > 8, ((lightness + 16) / 116) ** 3, lightness / 903.3)
        expected = np.repeat(encoded_in_srgb(luminance)[:, :, None], 3, axis=2)
        self.assert_pixels(saved(inks, "CMYK", "TIFF", press), expected, within=4)

    def test_transparency_stays(self):
        swapped = profiles.of_primaries(profiles.GREEN, profiles.RED, profiles.BLUE, 2.2)
        opacity = np.array([[255, 255, 0, 0]] * 2)
        body = saved(np.dstack([COLOURS, opacity]), "RGBA", "PNG", swapped)
        expected = np.where(opacity[:, :, None] == 0, 255, COLOURS[:, :, [1, 0, 2]])
        self.assert_pixels(body, expected, within=8)

    def test_srgb_costs_nothing_whatever_it_is_called(self):
        from PIL import ImageCms  # noqa: PLC0415 - the archive's code loads it late, too

        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        with mock.patch.object(Image.Image, "reduce", side_effect=AssertionError("converted")):
            large = np.tile(COLOURS, (300, 200, 1))
            self.assert_pixels(saved(large, "RGB", "PNG", srgb), large, within=0)

    def test_a_profile_that_is_broken_or_of_another_space_does_not_count(self):
        good = profiles.of_primaries(profiles.GREEN, profiles.RED, profiles.BLUE, 1.0)
        for bad in (b"", b"nonsense", good[:200], good[:16] + b"RGB " + bytes(200), profiles.of_grey(1.0)):
            with self.subTest(length=len(bad)):
                self.assert_pixels(saved(COLOURS, "RGB", "PNG", bad), COLOURS, within=0)

    def test_a_picture_much_larger_than_needed_is_converted_at_a_smaller_size(self):
        swapped = profiles.of_primaries(profiles.GREEN, profiles.RED, profiles.BLUE, 2.2)
        body = saved(np.full((1200, 1600, 3), (200, 40, 90)), "RGB", "PNG", swapped)
        page = self.pixels(body, side=100)
        self.assertEqual(page.shape, (200, 267, 3))
        self.assertLessEqual(np.abs(page - (40, 200, 90)).max(), 8)


if __name__ == "__main__":
    unittest.main()
