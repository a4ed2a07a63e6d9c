"""PDFs of a few kilobytes that take any time or memory to draw, each in a way of its own. All are written by hand."""

import zlib

PAGE = "/Type /Page /Parent 2 0 R /MediaBox [0 0 600 800]"


def written(objects):
    """A PDF of numbered objects, the first of which is its catalogue; an object is its text, or bytes."""
    body, offsets = bytearray(b"%PDF-1.7\n"), []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        text = content if isinstance(content, bytes) else content.encode()
        body += b"%d 0 obj\n" % number + text + b"\nendobj\n"
    start = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    body += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    body += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(body)


def stream(data, entries=""):
    return b"<< %s /Length %d >>\nstream\n" % (entries.encode(), len(data)) + data + b"\nendstream"


def drawing(content, resources="", *others, entries=""):
    """A PDF of one page with this content; objects 5 and on are the others."""
    page = f"<< {PAGE} /Contents 4 0 R /Resources << {resources} >> >>"
    return written([
        "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>", page,
        stream(content, entries), *others,
    ])  # fmt: skip


def packed(content, resources="", *others):
    """The same, with its content deflated."""
    return drawing(zlib.compress(content, 9), resources, *others, entries="/Filter /FlateDecode")


def nested_forms(depth=9, times=10):
    """Forms that each show the next one so many times: times to the power of depth of the last."""
    last = 5 + depth
    form = "/Type /XObject /Subtype /Form /BBox [0 0 600 800]"
    levels = [
        stream(b"/F Do\n" * times, f"{form} /Resources << /XObject << /F {number} 0 R >> >>")
        for number in range(6, last + 1)
    ]
    return drawing(b"/F Do", "/XObject << /F 5 0 R >>", *levels, stream(b"0 0 m 600 800 l S", form))


def many_operators(count, operators=b"0 0 m 600 800 l S\n"):
    return packed(operators * count)


def tiny_tiles(step=0.0005):
    """A page filled with a pattern whose tiles are far smaller than a pixel."""
    tile = stream(
        b"0 0 1 1 re f",
        f"/Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 1 1] /XStep {step} /YStep {step} "
        "/Resources << >>",
    )
    return drawing(b"/Pattern cs /P scn 0 0 600 800 re f", "/Pattern << /P 5 0 R >>", tile)


def zeros(gigabytes):
    """A zlib stream of so many gigabytes of zeros, of a thousandth of that: one flushed block, again and again."""
    packer = zlib.compressobj(9)
    first = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + block * (gigabytes * 1024 - 1) + packer.flush()


def unpacked_content(gigabytes=8):
    """A page whose content, deflated twice, is gigabytes of nothing."""
    twice = "/Filter [/FlateDecode /FlateDecode]"
    return drawing(zlib.compress(zeros(gigabytes), 9), entries=twice)


def huge_picture(side=60_000, colours="/DeviceRGB"):
    """A picture in a PDF whose pixels, deflated twice, are gigabytes."""
    picture = stream(
        zlib.compress(zeros(4), 9),
        f"/Type /XObject /Subtype /Image /Width {side} /Height {side} /ColorSpace {colours} /BitsPerComponent 8 "
        "/Filter [/FlateDecode /FlateDecode]",
    )
    return drawing(b"600 0 0 800 0 0 cm /I Do", "/XObject << /I 5 0 R >>", picture)


def deep_page_tree(depth=100_000):
    """Page trees in page trees, with one page in the innermost."""
    nodes = [
        f"<< /Type /Pages /Kids [{number + 1} 0 R] /Count 1 /Parent {number - 1} 0 R >>"
        for number in range(2, depth + 2)
    ]
    return written(["<< /Type /Catalog /Pages 2 0 R >>", *nodes, f"<< {PAGE.replace('2 0 R', f'{depth + 1} 0 R')} >>"])


def page_tree_in_a_circle():
    return written([
        "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 9 >>",
        "<< /Type /Pages /Kids [2 0 R 3 0 R] /Count 9 /Parent 2 0 R >>",
    ])  # fmt: skip


def form_in_itself():
    form = "/Type /XObject /Subtype /Form /BBox [0 0 600 800] /Resources << /XObject << /F 5 0 R >> >>"
    return drawing(b"/F Do", "/XObject << /F 5 0 R >>", stream(b"/F Do /F Do", form))


def groups_on_groups(count=20_000):
    """So many transparent layers one in the other, each of which needs a bitmap of the page."""
    form = "/Type /XObject /Subtype /Form /BBox [0 0 600 800] /Group << /S /Transparency /I true >>"
    levels = [
        stream(b"/G gs /F Do", f"{form} /Resources << /ExtGState << /G << /ca 0.5 /BM /Multiply >> >> "
               f"/XObject << /F {number} 0 R >> >>")
        for number in range(6, count + 5)
    ]  # fmt: skip
    return drawing(b"/F Do", "/XObject << /F 5 0 R >>", *levels, stream(b"0 0 9 9 re f", form))


def open_states(count=2_000_000):
    """Graphics states that are saved and never restored."""
    return packed(b"q " * count)


def nested_arrays(depth=2_000_000):
    return packed(b"[" * depth)


def function_shading(samples=2_000):
    """A shading by a calculated function that works on every pixel."""
    program = b"{ " + b"dup mul sqrt " * samples + b" 0 0 }"
    function = stream(program, "/FunctionType 4 /Domain [0 600 0 800] /Range [0 1 0 1 0 1]")
    shading = "/Shading << /S << /ShadingType 1 /ColorSpace /DeviceRGB /Domain [0 600 0 800] /Function 5 0 R >> >>"
    return drawing(b"/S sh\n" * 200, shading, function)


def dashes(length=0.000001):
    """A line of dashes that are far shorter than a pixel."""
    return drawing(f"[{length:f}] 0 d 1 w 0 0 m 600 800 l S".encode())
