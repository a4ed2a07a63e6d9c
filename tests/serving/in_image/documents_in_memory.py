"""Files made in memory from a sample: every format that is served, and a good many that are not."""

import base64
import io
import json

from PIL import Image

from archive_worker import SAMPLES

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


def tiff(*indices):
    first, *others = map(image, indices)
    return saved(first, "TIFF", save_all=True, append_images=others)


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
