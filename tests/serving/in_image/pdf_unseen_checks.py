"""Pages of PDFs with text that nobody sees, and with images that are lost."""

import unittest

from documents_in_memory import image, sample, saved
from pages import PageCase
from pdfs_written import page_with, stream

FOREIGN = "<< /Type /Font /Subtype /TrueType /BaseFont /Foreign /Encoding << /Differences [224 /afii57664] >> >>"
SCAN = "q 200 0 0 100 0 0 cm /I Do Q"
TEXT = "BT {} /F1 12 Tf {} Td (\\340\\340) Tj ET"
RESOURCES = "/Font << /F1 5 0 R >> /XObject << /I 6 0 R >>"
LOST = "^Page 1 of the PDF has an image that is damaged or cannot be decoded"


def picture(data, filtered="DCTDecode", extra=""):
    width, height = image().size
    return stream(
        bytes(data),
        f"/Type /XObject /Subtype /Image /Width {width} /Height {height} /ColorSpace /DeviceRGB /BitsPerComponent 8"
        f" /Filter /{filtered} {extra}",
    )


def scanned(content, data=None, **options):
    data = saved(image(), "JPEG", quality=90) if data is None else data
    return page_with(content, resources=RESOURCES, others=[FOREIGN, picture(data, **options)])


class UnseenText(PageCase):
    def test_text_that_is_seen_is_rejected(self):
        for content in (TEXT.format("", "10 10"), SCAN + " " + TEXT.format("0 Tr", "10 10")):
            self.assert_rejected(422, "in the font 'Foreign'", scanned(content))

    def test_invisible_text_is_processed(self):
        for mode in (3, 7):
            self.pixels(scanned(SCAN + " " + TEXT.format(f"{mode} Tr", "10 10")))

    def test_text_off_the_page_is_processed(self):
        for place in ("-500 10", "10 -500", "500 10", "10 500"):
            self.pixels(scanned(SCAN + " " + TEXT.format("", place)))

    def test_text_under_a_later_opaque_image_is_processed(self):
        under = TEXT.format("", "10 10") + " "
        self.pixels(scanned(under + SCAN))
        for partly in (
            "q 15 0 0 100 0 0 cm /I Do Q",
            "q 100 100 -100 100 100 0 cm /I Do Q",
            f"q 0 0 5 5 re W n {SCAN} Q",
        ):
            self.assert_rejected(422, "in the font 'Foreign'", scanned(under + partly))

    def test_text_under_a_later_image_that_shows_it_is_rejected(self):
        mask = stream(
            b"\x7f", "/Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8"
        )
        seen = page_with(
            TEXT.format("", "10 10") + " " + SCAN,
            resources=RESOURCES,
            others=[FOREIGN, picture(saved(image(), "JPEG"), extra="/SMask 7 0 R"), mask],
        )
        self.assert_rejected(422, "in the font 'Foreign'", seen)


class Annotations(PageCase):
    def stamped(self, font, flags=4):
        drawing = stream(
            "BT /F1 24 Tf 5 10 Td (\\340\\340) Tj ET",
            "/Type /XObject /Subtype /Form /BBox [0 0 100 50] /Resources << /Font << /F1 7 0 R >> >>",
        )
        stamp = f"<< /Type /Annot /Subtype /Stamp /F {flags} /Rect [10 10 110 60] /AP << /N 6 0 R >> >>"
        return page_with(page="/Annots [5 0 R]", others=[stamp, drawing, font])

    def test_an_annotation_with_text_in_a_missing_font_is_rejected(self):
        self.assert_rejected(422, "in the font 'Foreign'", self.stamped(FOREIGN))

    def test_one_that_is_hidden_or_in_a_known_font_is_drawn_as_it_is(self):
        self.assertTrue((self.pixels(self.stamped(FOREIGN, flags=2)) == 255).all())
        known = self.stamped("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
        self.assertTrue((self.pixels(known) < 100).any())


class LostImages(PageCase):
    def test_a_scan_that_is_damaged_is_rejected_beside_text(self):
        whole = bytes(saved(image(), "JPEG", quality=90))
        words = SCAN + " BT /F1 12 Tf 10 10 Td (Total) Tj ET"
        self.pixels(scanned(words))
        for data in (bytes(200) + whole[200:], whole[: len(whole) // 2] + b"\xff\xd9", whole[: len(whole) // 2]):
            self.assert_rejected(422, LOST, scanned(words, data))

    def test_a_scan_in_an_unknown_filter_is_rejected(self):
        self.assert_rejected(422, LOST, scanned(SCAN, sample(), filtered="UnknownDecode"))

    def test_a_scan_whose_jpeg_has_no_end_is_processed(self):
        self.pixels(scanned(SCAN, bytes(saved(image(), "JPEG"))[:-2]))

    def test_a_scan_in_jpeg_2000_is_processed(self):
        self.pixels(scanned(SCAN, saved(image(), "JPEG2000"), filtered="JPXDecode"))

    def test_images_of_other_kinds_are_processed(self):
        for mode in ("1", "L", "RGB", "P", "CMYK"):
            self.pixels(bytes(saved(image().convert(mode), "PDF")))
        stencil = stream(
            b"\xaa" * 8, "/Type /XObject /Subtype /Image /Width 8 /Height 8 /ImageMask true /BitsPerComponent 1"
        )
        self.pixels(page_with(SCAN, resources="/XObject << /I 5 0 R >>", others=[stencil]))
        self.pixels(page_with("q 50 0 0 50 0 0 cm BI /W 1 /H 1 /CS /G /BPC 8 ID \x7f EI Q"))


if __name__ == "__main__":
    unittest.main()
