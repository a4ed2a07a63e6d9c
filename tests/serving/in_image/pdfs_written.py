"""PDFs written by hand, object by object: forms, annotations, and text in fonts that are not embedded."""


def pdf_file(*objects):
    """Returns a PDF of numbered objects; the first is the catalogue."""
    written, offsets = bytearray(b"%PDF-1.7\n"), []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(written))
        raw = content if isinstance(content, bytes) else content.encode("latin-1")
        written += b"%d 0 obj\n" % number + raw + b"\nendobj\n"
    start = len(written)
    written += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    written += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return bytes(written + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start))


def stream(content, extra=""):
    content = content if isinstance(content, bytes) else content.encode("latin-1")
    return f"<< {extra} /Length {len(content)} >>\nstream\n".encode() + content + b"\nendstream"


def page_with(content="", *, resources="", page="", catalogue="", others=()):
    """Returns a PDF of one page of 200 by 100 points.

    Args:
        content: Its drawing.
        resources: The entries of its resources.
        page: Further entries of the page.
        catalogue: Further entries of the catalogue.
        others: Further objects, from number 5 on.
    """
    return pdf_file(
        f"<< /Type /Catalog /Pages 2 0 R {catalogue} >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] /Contents 4 0 R /Resources << {resources} >> {page} >>",
        stream(content),
        *others,
    )


def text_in_foreign_font(text, encoding, ordering, *, name="Unknown-Font", to_unicode=None):
    """Returns a page with text in a composite font that is not embedded.

    Args:
        text: Bytes in that encoding.
        encoding: The name of a predefined CMap.
        ordering: The character collection, such as Japan1.
        name: The font's name.
        to_unicode: A CMap from codes to characters, as a stream.
    """
    others = [
        (
            f"<< /Type /Font /Subtype /Type0 /BaseFont /{name} /Encoding /{encoding} /DescendantFonts [6 0 R]"
            f"{' /ToUnicode 8 0 R' if to_unicode else ''} >>"
        ),
        (
            f"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /{name} /DW 1000 /FontDescriptor 7 0 R"
            f" /CIDSystemInfo << /Registry (Adobe) /Ordering ({ordering}) /Supplement 2 >> >>"
        ),
        (
            f"<< /Type /FontDescriptor /FontName /{name} /Flags 4 /ItalicAngle 0 /Ascent 800 /Descent -200"
            " /CapHeight 700 /StemV 80 /FontBBox [0 -200 1000 800] >>"
        ),
    ]
    if to_unicode:
        others.append(stream(to_unicode))
    drawing = f"BT /F1 24 Tf 10 40 Td <{text.hex()}> Tj ET"
    return page_with(drawing, resources="/Font << /F1 5 0 R >>", others=others)


def form_with_value(value, *, appearance=None):
    """Returns a page of a form that has one text field with a value, and an appearance of it or none."""
    written = f"({value})" if value.isascii() else f"<{(chr(0xFEFF) + value).encode('utf-16-be').hex()}>"
    field = (
        f"<< /Type /Annot /Subtype /Widget /FT /Tx /T (name) /V {written} /DA (/Helv 24 Tf 0 g) /F 4"
        f" /Rect [10 30 190 70] /P 3 0 R {'/AP << /N 7 0 R >>' if appearance else ''} >>"
    )
    helvetica = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    form = (
        "/AcroForm << /Fields [5 0 R] /DR << /Font << /Helv 6 0 R >> >> /DA (/Helv 0 Tf 0 g)"
        f" {'' if appearance else '/NeedAppearances true'} >>"
    )
    others = [field, helvetica]
    if appearance:
        others.append(
            stream(
                appearance, "/Type /XObject /Subtype /Form /BBox [0 0 180 40] /Resources << /Font << /Helv 6 0 R >> >>"
            )
        )
    return page_with(page="/Annots [5 0 R]", catalogue=form, others=others)
