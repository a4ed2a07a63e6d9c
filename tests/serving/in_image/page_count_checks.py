"""Which pictures of a TIFF are pages."""

import struct
import unittest

import numpy as np

import encoded
from encoded import Directory, tiff_of
from pages import PageCase

NEW_SUBFILE_TYPE, SUBFILE_TYPE = 254, 255
LONG, SHORT = 4, 3


def picture(grey, *, side=40, **tags):
    numbers = {"new": (NEW_SUBFILE_TYPE, LONG), "old": (SUBFILE_TYPE, SHORT)}
    written = {numbers[name][0]: (numbers[name][1], [value]) for name, value in tags.items()}
    return Directory(np.full((side, side), grey), 8, encoded.BLACK_IS_ZERO, tags=written)


def mask():
    return Directory(np.ones((40, 40)), 1, 4, tags={NEW_SUBFILE_TYPE: (LONG, [4])})


class PagesOfTiffs(PageCase):
    def assert_pages(self, greys, *directories):
        body = tiff_of(*directories)
        self.assertEqual(self.page_count(body), len(greys))
        for number, grey in enumerate(greys, start=1):
            self.assert_pixels(body, np.full((40, 40, 3), grey), within=0, number=number)

    def test_pictures_that_say_nothing_or_that_they_are_pages_are_pages(self):
        self.assert_pages([10, 20, 30], picture(10), picture(20, new=2), picture(30, old=3))

    def test_reduced_copies_and_masks_are_no_pages_wherever_they_are(self):
        small = picture(99, side=20, new=1)
        self.assert_pages([10], picture(10), small, picture(98, side=10, new=1))
        self.assert_pages([10, 20], picture(10), small, picture(20), small)
        self.assert_pages([10, 20], picture(10), mask(), picture(20), mask())
        self.assert_pages([10], small, picture(10))
        self.assert_pages([10], picture(10), picture(99, side=20, old=2))
        self.assert_pages([10], picture(10), Directory(np.ones((20, 20)), 1, 4, tags={NEW_SUBFILE_TYPE: (LONG, [5])}))

    def test_a_file_whose_only_picture_says_that_it_is_reduced_has_that_page(self):
        self.assert_pages([10], picture(10, new=1))

    def test_a_picture_that_cannot_be_read_is_its_own_page_and_no_other(self):
        deep = Directory(np.zeros((40, 40, 3)), 12, encoded.TRUE_COLOUR)
        body = tiff_of(picture(10), deep, picture(30))
        self.assertEqual(self.page_count(body), 3)
        self.assert_pixels(body, np.full((40, 40, 3), 30), number=3)
        self.assert_rejected(422, "^The TIFF image of page 2 has pixels of 3 x 12 bits, unsigned", body, number=2)

    def test_a_chain_that_bites_its_tail_ends(self):
        body = bytearray(tiff_of(picture(10), picture(20)))
        body[-4:] = body[4:8]
        self.assertEqual(self.page_count(bytes(body)), 2)

    def test_a_thumbnail_of_a_raw_photograph_is_not_taken_for_it(self):
        raw = picture(10, new=1)
        raw.tags[330] = (LONG, [8])
        self.assert_rejected(415, "raw photograph", tiff_of(raw))

    def test_a_directory_that_is_cut_off_is_no_page(self):
        body = tiff_of(picture(10), picture(20))
        at = struct.unpack_from("<I", body, 4)[0]
        self.assertLess(at, len(body) - 50)
        self.assertEqual(self.page_count(body[:-50]), 1)


if __name__ == "__main__":
    unittest.main()
