"""What is drawn of a PDF: the values of its form, its annotations, and text in fonts that are not in the file."""

import unittest
from unittest import mock

import numpy as np

from pages import PageCase
from pdfs_written import form_with_value, page_with, stream, text_in_foreign_font

IDENTITY_TO_LETTERS = b"""/CIDInit /ProcSet findresource begin 12 dict begin begincmap
1 begincodespacerange <0000> <ffff> endcodespacerange
2 beginbfchar <0024> <0041> <0025> <0042> endbfchar
endcmap end end"""


class Drawn(PageCase):
    def ink(self, body, left=0.0, right=1.0):
        """How many pixels of a part of the page are dark."""
        page = self.pixels(body, side=200)
        width = page.shape[1]
        return int((page[:, int(left * width) : int(right * width)].min(axis=2) < 128).sum())

    def test_the_value_of_a_form_is_drawn_with_and_without_an_appearance(self):
        self.assertEqual(self.ink(form_with_value("")), 0)
        self.assertGreater(self.ink(form_with_value("Total 41.90")), 500)
        drawn = self.ink(form_with_value("x", appearance="BT /Helv 24 Tf 5 10 Td (Total 41.90) Tj ET"))
        self.assertGreater(drawn, 500)

    def test_the_value_of_a_form_is_drawn_in_other_scripts(self):
        for value in ("\u4e2d\u6587", "\u3042\u3044", "\ud55c\uae00", "\u041f\u0440", "\u03b1\u03b2", "\u0141\u00f3"):
            with self.subTest(value=ascii(value)):
                self.assertGreater(self.ink(form_with_value(value)), 200)

    def test_a_ticked_box_is_drawn(self):
        boxes = [
            (
                "<< /Type /Annot /Subtype /Widget /FT /Btn /T (box) /V /Yes /AS /Yes /F 4 /Rect [10 10 90 90] /P 3 0 R"
                " /AP << /N << /Yes 6 0 R /Off 7 0 R >> >> >>"
            ),
            stream("0 g 20 20 40 40 re f", "/Type /XObject /Subtype /Form /BBox [0 0 80 80]"),
            stream("", "/Type /XObject /Subtype /Form /BBox [0 0 80 80]"),
        ]
        catalogue = "/AcroForm << /Fields [5 0 R] >>"
        ticked = page_with(page="/Annots [5 0 R]", catalogue=catalogue, others=boxes)
        self.assertGreater(self.ink(ticked), 5000)
        boxes[0] = boxes[0].replace("/AS /Yes", "/AS /Off").replace("/V /Yes", "/V /Off")
        self.assertEqual(self.ink(page_with(page="/Annots [5 0 R]", catalogue=catalogue, others=boxes)), 0)

    def test_a_stamp_is_drawn_and_a_hidden_one_is_not(self):
        for flags, least, most in ((4, 5000, 9000), (2, 0, 0)):
            stamp = [
                f"<< /Type /Annot /Subtype /Stamp /F {flags} /Rect [10 10 90 90] /AP << /N 6 0 R >> >>",
                stream("0 g 20 20 40 40 re f", "/Type /XObject /Subtype /Form /BBox [0 0 80 80]"),
            ]
            ink = self.ink(page_with(page="/Annots [5 0 R]", others=stamp))
            self.assertTrue(least <= ink <= most, ink)

    def test_a_form_that_only_adobe_draws_is_rejected(self):
        catalogue = "/NeedsRendering true /AcroForm << /Fields [] /XFA 5 0 R >>"
        body = page_with("BT ET", catalogue=catalogue, others=[stream("<xdp/>")])
        self.assert_rejected(422, "^The PDF is a dynamic XFA form", body)

    def test_text_of_east_asia_in_fonts_that_are_not_embedded_is_drawn(self):
        for text, codec, encoding, ordering in (
            ("\u3042\u6f22A1", "shift_jis", "90ms-RKSJ-H", "Japan1"),
            ("\u4e2d\u6587A1", "gbk", "GBK-EUC-H", "GB1"),
            ("\u4e2d\u6587A1", "big5", "ETen-B5-H", "CNS1"),
            ("\ud55c\uae00A1", "cp949", "KSCms-UHC-H", "Korea1"),
            ("\u3042\u6f22A1", "utf-16-be", "UniJIS-UTF16-H", "Japan1"),
        ):
            with self.subTest(encoding=encoding):
                body = text_in_foreign_font(text.encode(codec), encoding, ordering)
                # From 10 points on, 24 each, of 200.
                for index in range(len(text)):
                    left = (10 + 24 * index) / 200
                    self.assertGreater(self.ink(body, left, left + 24 / 200), 30, index)

    def test_the_same_page_is_drawn_whatever_fonts_the_machine_has(self):
        one = self.pixels(text_in_foreign_font("\u6f22".encode("shift_jis"), "90ms-RKSJ-H", "Japan1", name="MS-Mincho"))
        for name in ("DejaVuSans", "WenQuanYiMicroHei", "Arial"):
            other = self.pixels(text_in_foreign_font("\u6f22".encode("shift_jis"), "90ms-RKSJ-H", "Japan1", name=name))
            self.assertTrue(np.array_equal(one, other))

    def test_text_that_no_font_here_can_draw_is_rejected_with_its_font(self):
        sentence = (
            "^Page 1 of the PDF has text in the font '{}', which is not in the file and cannot be replaced: embed"
        )
        # A character beyond the basic plane; and codes that only the missing font understands.
        rare = text_in_foreign_font("\U00020bb7".encode("utf-16-be"), "UniJIS-UTF16-H", "Japan1", name="Kozuka")
        self.assert_rejected(422, sentence.format("Kozuka"), rare)
        glyphs = text_in_foreign_font(bytes.fromhex("00240025"), "Identity-H", "Identity", name="Arial")
        self.assert_rejected(422, sentence.format("Arial"), glyphs)

    def test_such_text_is_found_in_forms_and_behind_very_many_objects(self):
        glyphs = text_in_foreign_font(bytes.fromhex("00240025"), "Identity-H", "Identity", name="Arial")
        with mock.patch("pdf_fonts._MOST_OBJECTS", 0):
            self.assert_rejected(422, "^Page 1 of the PDF has text in the font 'Arial'", glyphs)
            self.assertEqual(self.ink(form_with_value("")), 0)
        font = "/Resources << /Font << /F1 6 0 R >> >>"
        drawing = stream(
            "BT /F1 24 Tf 10 40 Td (\\344\\345) Tj ET", f"/Type /XObject /Subtype /Form /BBox [0 0 9 9] {font}"
        )
        cyrillic = (
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica"
            " /Encoding << /Differences [228 /afii10065 /afii10066] >> >>"
        )
        inside = page_with("/X Do", resources="/XObject << /X 5 0 R >>", others=[drawing, cyrillic])
        self.assert_rejected(422, "^Page 1 of the PDF has text in the font 'Helvetica'", inside)

    def test_codes_that_the_file_explains_are_drawn(self):
        body = text_in_foreign_font(
            bytes.fromhex("00240025"), "Identity-H", "Identity", name="Arial", to_unicode=IDENTITY_TO_LETTERS
        )
        self.assertGreater(self.ink(body), 200)

    def test_plain_text_in_a_standard_font_is_drawn_tabs_and_all(self):
        font = "<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman /Encoding /WinAnsiEncoding >>"
        for text in (r"Total\t41.90", r"Caf\351 \200 5 \267"):
            body = page_with(f"BT /F1 24 Tf 10 40 Td ({text}) Tj ET", resources="/Font << /F1 5 0 R >>", others=[font])
            self.assertGreater(self.ink(body), 300)


if __name__ == "__main__":
    unittest.main()
