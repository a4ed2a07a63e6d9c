"""Documents gone wrong: samples of every format, mutated by chance. The same numbers give the same documents."""

import json
from pathlib import Path
import random
import struct
import sys

from documents_in_memory import blank, deep_tiff, encrypted_pdf, envelope, image, pdf, raw_pdf, sample, saved, tiff
import heic_pictures
import pdf_bombs
from pdfs_written import form_with_value, text_in_foreign_font

CONTENT_TYPES = (
    "application/x-image",
    "application/octet-stream",
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/tiff",
    "application/pdf",
    "application/json",
    "text/csv",
    "",
)
HUGE = (0xFFFF, 0x7FFF, 100_000, 1_000_000, 0x7FFFFFFF, 0xFFFFFFFF)


def seeds():
    """One healthy document of each kind, with its content type."""
    page = image()
    return [
        (bytes(sample()), "image/jpeg"),
        (bytes(saved(page, "JPEG", progressive=True, quality=60)), "image/jpeg"),
        (bytes(saved(page, "PNG")), "image/png"),
        (bytes(saved(page.convert("P"), "PNG")), "image/png"),
        (bytes(saved(page, "WEBP")), "image/webp"),
        (bytes(saved(page.convert("P"), "GIF")), "application/x-image"),
        (bytes(saved(page, "BMP")), "application/x-image"),
        (bytes(tiff(0, 1)), "image/tiff"),
        (bytes(saved(page, "TIFF", compression="tiff_lzw")), "image/tiff"),
        (bytes(saved(page, "TIFF", compression="jpeg")), "image/tiff"),
        (heic_pictures.TURNED, "image/heic"),
        (heic_pictures.AVIF, "image/avif"),
        (bytes(deep_tiff(page.convert("L"), 12)), "image/tiff"),
        (form_with_value("41.90"), "application/pdf"),
        (text_in_foreign_font(b"\x82\xa0A1", "90ms-RKSJ-H", "Japan1"), "application/pdf"),
        (bytes(pdf(0)), "application/pdf"),
        (bytes(raw_pdf(count=3)), "application/pdf"),
        (bytes(encrypted_pdf()), "application/pdf"),
        (json.dumps(envelope(sample(), pages="1", task_prompt="<s_receipt>")).encode(), "application/json"),
    ]


def bombs():
    """Small files that say that they are huge, or are endless to draw, each with its content type."""
    png = blank(8, 8)
    for side in HUGE:
        grown = bytearray(png)
        grown[16:24] = struct.pack(">II", side, side)
        yield bytes(grown), "image/png"
    for kind, content_type, place, form in (
        ("GIF", "application/x-image", 6, "<HH"),
        ("BMP", "application/x-image", 18, "<II"),
    ):
        grown = blank(8, 8, kind)
        grown[place : place + struct.calcsize(form)] = struct.pack(form, *[0xFFFF] * 2)
        yield bytes(grown), content_type
    yield bytes(blank(9000, 9000)), "image/png"
    yield bytes(blank(12000, 12000)), "image/png"
    yield bytes(raw_pdf(box="0 0 9999999 9999999")), "application/pdf"
    yield bytes(raw_pdf(box="0 0 0 0")), "application/pdf"
    yield bytes(raw_pdf(box="-9e38 -9e38 9e38 9e38")), "application/pdf"
    yield bytes(raw_pdf(count=1000)), "application/pdf"
    yield bytes(raw_pdf(count=2).replace(b"/Count 2", b"/Count 2000000000")), "application/pdf"
    yield b"[" * 100_000, "application/json"
    for body in (
        *(pdf_bombs.nested_forms(depth, times) for depth, times in ((9, 10), (30, 2), (4, 200))),
        *(pdf_bombs.many_operators(count) for count in (200_000, 3_000_000)),
        pdf_bombs.many_operators(300_000, b"0 0 m 9 9 9 600 600 9 c f\n"),
        *(pdf_bombs.tiny_tiles(step) for step in (1e-9, 0.0005, 0.05)),
        *(pdf_bombs.unpacked_content(gigabytes) for gigabytes in (1, 8)),
        *(pdf_bombs.huge_picture(side) for side in (20_000, 60_000)),
        pdf_bombs.huge_picture(46_000, "/DeviceGray"),
        *(pdf_bombs.deep_page_tree(depth) for depth in (500, 100_000)),
        pdf_bombs.page_tree_in_a_circle(),
        pdf_bombs.form_in_itself(),
        *(pdf_bombs.groups_on_groups(count) for count in (20, 2_000)),
        pdf_bombs.open_states(),
        pdf_bombs.nested_arrays(),
        pdf_bombs.function_shading(),
        *(pdf_bombs.dashes(length) for length in (0.000001, 0.001)),
    ):
        yield body, "application/pdf"


def mutated(document, chance):
    """A document with a few of its bytes gone wrong."""
    body = bytearray(document)
    kind = chance.randrange(6)
    where = chance.randrange(len(body))
    length = chance.choice((1, 4, 16, 200, 2000))
    if kind == 0:
        for _ in range(chance.choice((1, 2, 8, 60))):
            body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
    elif kind == 1:
        del body[where:]
    elif kind == 2:
        body[where : where + length] = bytes(min(length, len(body) - where))
    elif kind == 3:
        del body[where : where + length]
    elif kind == 4:
        other = chance.randrange(len(body))
        body[where:where] = body[other : other + length]
    else:
        # Headers are where sizes stand.
        place = chance.randrange(min(len(body), 120))
        body[place : place + 4] = struct.pack(chance.choice("<>") + "I", chance.choice(HUGE))
    return bytes(body)


def documents(count, seed=0):
    """Yields `count` mutated samples with the content type that each is sent with, and the bombs among them."""
    chance = random.Random(seed)  # noqa: S311 - documents, not secrets
    waiting = list(bombs())
    chance.shuffle(waiting)
    for number, document in enumerate(mutated_samples(count, chance)):
        yield document
        if waiting and number % max(1, count // len(waiting)) == 0:
            yield waiting.pop()
    yield from waiting


def mutated_samples(count, chance):
    """Yields `count` mutated samples, each with a content type, now and then another's."""
    healthy = seeds()
    for _ in range(count):
        document, content_type = chance.choice(healthy)
        if chance.random() < 0.15:
            content_type = chance.choice(CONTENT_TYPES)
        body = mutated(document, chance) if chance.random() < 0.95 else document
        for _ in range(chance.choice((0, 0, 0, 1, 3))):
            body = mutated(body, chance) if body else body
        yield body, content_type


def write(count, folder):
    """Writes documents into a folder, and prints a line of JSON for each: its file and content type."""
    for number, (body, content_type) in enumerate(documents(count)):
        (folder / f"{number:04d}").write_bytes(body)
        print(json.dumps({"file": f"{number:04d}", "content_type": content_type}))


if __name__ == "__main__":
    write(int(sys.argv[1]), Path(sys.argv[2]))
