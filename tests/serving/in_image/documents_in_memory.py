"""Files made in memory from a sample: every format that is served, and a good many that are not."""

import base64
import io
import json
import struct

import numpy as np
from PIL import Image

from archive_worker import SAMPLES
import heic_pictures

ROWS = [json.loads(line) for line in (SAMPLES / "answers.jsonl").read_text(encoding="utf-8").splitlines()[:4]]
FIELDS = [{name: value for name, value in row.items() if name != "file"} for row in ROWS]


def sample(index=0):
    """The bytes of a sample receipt, as they arrive at a handler."""
    return bytearray((SAMPLES / ROWS[index]["file"]).read_bytes())


def image(index=0):
    return Image.open(SAMPLES / ROWS[index]["file"]).convert("RGB")


def saved(picture, kind, **options):
    written = io.BytesIO()
    picture.save(written, kind, **options)
    return bytearray(written.getvalue())


def blank(width, height, kind="PNG"):
    return saved(Image.new("L", (width, height), 255), kind)


def quarters():
    """The picture of heic_pictures, as numbers."""
    page = np.zeros((96, 64, 3), dtype=int)
    for index, colour in enumerate(heic_pictures.QUARTERS):
        row, column = index // 2 * 48, index % 2 * 32
        page[row : row + 48, column : column + 32] = colour
    return page


def avif(page, **options):
    """An AVIF of a page's numbers; of Pillow's plug-ins only this one can also encode."""
    import pillow_avif  # noqa: F401, PLC0415 - it registers itself; the archive loads it late, too

    return bytes(saved(Image.fromarray(page.astype(np.uint8)), "AVIF", quality=90, subsampling="4:4:4", **options))


def tiff(*indices):
    first, *others = map(image, indices)
    return saved(first, "TIFF", save_all=True, append_images=others)


def deep_tiff(grey, bits, *, kind=1, white_is_zero=False):
    """A TIFF of a grey page's values in so many bits, written by hand: Pillow writes only some of these.

    Args:
        grey: The page, of mode L.
        bits: 12, 16 or 32 in each sample, which go from 0 to all ones; in 32 of floating point from 0 to 1.
        kind: SampleFormat: 1 unsigned, 2 signed, 3 floating point.
        white_is_zero: PhotometricInterpretation 0; the values are turned over for it.
    """
    values = np.asarray(grey).astype(np.uint32)
    if white_is_zero:
        values = 255 - values
    if kind == 3:
        data = (values / 255).astype("<f4").tobytes()
    elif bits == 12:
        twelve = (values << 4 | values >> 4).reshape(-1, 2)
        pairs = (twelve[:, 0] << 12 | twelve[:, 1]).astype(">u4")
        data = pairs.view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()
    else:
        # The byte again and again: white is all ones.
        data = (values * (0x0101 if bits == 16 else 0x01010101)).astype(f"<u{bits // 8}").tobytes()
    short, long = 3, 4
    tags = (
        (256, long, grey.width), (257, long, grey.height), (258, short, bits), (259, short, 1),
        (262, short, 0 if white_is_zero else 1), (273, long, 8), (277, short, 1), (278, long, grey.height),
        (279, long, len(data)), (339, short, kind),
    )  # fmt: skip
    directory = b"".join(struct.pack("<HHII", tag, size, 1, value) for tag, size, value in tags)
    where = struct.pack("<I", 8 + len(data))
    return bytearray(b"II*\0" + where + data + struct.pack("<H", len(tags)) + directory + bytes(4))


def pdf(*indices):
    # Eight times the pixels, so that drawing it at the model's size loses nothing that the sample had.
    first, *others = (image(index).resize((1024, 1536), Image.BICUBIC) for index in indices)
    return saved(first, "PDF", save_all=True, append_images=others)


def raw_pdf(*, count=1, box="0 0 128 192", extra_trailer=""):
    """A PDF written by hand: a page tree that says `count`, and empty pages of one size."""
    kids = " ".join(f"{3 + index} 0 R" for index in range(count))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
        *(f"<< /Type /Page /Parent 2 0 R /MediaBox [{box}] >>" for _ in range(count)),
    ]
    written, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(written))
        written += f"{number} 0 obj\n{content}\nendobj\n".encode()
    start = len(written)
    written += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    written += b"".join(f"{offset:010d} 00000 n \n".encode() for offset in offsets)
    written += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {extra_trailer}>>\n".encode()
    return written + f"startxref\n{start}\n%%EOF\n".encode()


def encrypted_pdf():
    """A PDF that says that it is encrypted, with an owner's and a user's key that no empty password opens."""
    keys = f"/O <{'41' * 32}> /U <{'42' * 32}>"
    return raw_pdf(
        extra_trailer=f"/Encrypt << /Filter /Standard /V 1 /R 2 {keys} /P -44 >> /ID [<{'00' * 16}> <{'00' * 16}>] "
    )


def envelope(body, **options):
    return {"document": base64.b64encode(bytes(body)).decode(), **options}
