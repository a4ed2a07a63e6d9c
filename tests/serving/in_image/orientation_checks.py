"""Pages upside down and sideways, through the real handler: found, turned, and doubtful where nothing helps."""

import dataclasses
import io
import json
import unittest
from unittest import mock

import numpy as np
from PIL import Image

from archive_worker import BatchRequest
import document_processor
from documents_in_memory import FIELDS, image, pdf, sample, saved
from page_canvas import Canvas
from reading import turned
from request_case import RequestCase


def as_turned(index, degrees):
    """A sample as PNG, turned clockwise."""
    return saved(image(index).rotate(-degrees, expand=True), "PNG")


class Orientations(RequestCase):
    def page(self, body):
        """The fields and the facts of a page."""
        answer = self.worker.request(body)
        self.assertEqual(answer.status, 200, answer.text)
        whole = json.loads(answer.text)
        return whole["predictions"][0], whole["pages"][0]

    def test_a_page_is_turned_back_and_gives_its_fields(self):
        upright, before = self.page(sample())
        self.assertEqual((upright, before["turned"]), (FIELDS[0], 0))
        for shown, back in ((180, 180), (90, 270), (270, 90)):
            for index in range(4):
                with self.subTest(shown=shown, index=index):
                    fields, facts = self.page(as_turned(index, shown))
                    self.assertEqual(fields, FIELDS[index])
                    self.assertEqual(facts["turned"], back)
        self.assertEqual(self.page(as_turned(0, 180))[1]["confidence"], before["confidence"])

    def test_pages_that_come_together_are_turned_together_each_by_itself(self):
        bodies = [sample(0), as_turned(1, 180), as_turned(2, 90), as_turned(3, 270)]
        decode, sizes = self.worker.processor._decode, []

        def count(pages):
            sizes.append(len(pages))
            return decode(pages)

        with mock.patch.object(self.worker.processor, "_decode", count):
            answers = self.worker.batch(*[BatchRequest(body) for body in bodies])
        wholes = [json.loads(answer.text) for answer in answers]
        self.assertEqual([whole["predictions"][0] for whole in wholes], FIELDS[:4])
        self.assertEqual([whole["pages"][0]["turned"] for whole in wholes], [0, 180, 270, 90])
        # One way for the page that can only be upside down, three for each that may be sideways.
        self.assertEqual(sizes, [4, 7])

    def test_no_more_pages_than_usual_are_in_the_network_at_once(self):
        bodies = [as_turned(index % 4, 90) for index in range(7)]
        decode, sizes = self.worker.processor._decode, []

        def count(pages):
            sizes.append(len(pages))
            return decode(pages)

        with mock.patch.object(self.worker.processor, "_decode", count):
            answers = self.worker.batch(*[BatchRequest(body) for body in bodies])
        self.assertEqual([json.loads(each.text)["predictions"][0] for each in answers], (FIELDS * 2)[:7])
        self.assertEqual(sizes, [7, 16, 5])
        self.assertEqual(document_processor.PAGES_AT_ONCE, 16)

    def test_a_page_of_a_pdf_is_turned_like_any_other(self):
        upside_down = [image(index).resize((1024, 1536), Image.BICUBIC).rotate(180) for index in (0, 1)]
        body = saved(upside_down[0], "PDF", save_all=True, append_images=upside_down[1:])
        self.assert_reads([0, 1], body, "application/pdf")
        self.assert_reads([0, 1], pdf(0, 1), "application/pdf")

    def test_what_no_orientation_makes_readable_stays_below_the_threshold(self):
        noise = np.random.RandomState(0).randint(0, 255, (192, 128), dtype=np.uint8)
        pages = {
            "noise": Image.fromarray(noise),
            "stripes": Image.fromarray((np.indices((192, 128)).sum(0) // 4 % 2 * 255).astype(np.uint8)),
            "faint": Image.blend(image(), Image.new("RGB", image().size, "gray"), 0.97),
            "white": Image.new("L", (128, 192), 255),
            "half": image().crop((0, 0, 128, 96)),
            "small": Image.new("RGB", (256, 384), "white"),
        }
        pages["small"].paste(image().resize((40, 60)), (20, 30))
        for name, picture in pages.items():
            with self.subTest(name=name):
                _, facts = self.page(saved(picture, "PNG"))
                accepted = [each for each in leaves(facts["confidence"]) if each >= facts["accept_threshold"]]
                self.assertEqual(accepted, [])

    def test_a_model_that_is_not_to_turn_leaves_pages_as_they_are(self):
        processor = self.worker.processor
        still = dataclasses.replace(processor._calibration, turn=False)
        with mock.patch.object(processor, "_calibration", still):
            fields, facts = self.page(as_turned(0, 180))
            self.assertEqual(facts["turned"], 0)
            self.assertNotEqual(fields["store"], FIELDS[0]["store"])
            self.assertLess(max(leaves(facts["confidence"])), facts["accept_threshold"])
        with mock.patch.object(processor, "_calibration", None):
            self.assertEqual(self.page(as_turned(0, 180))[1]["turned"], 0)


class Canvases(RequestCase):
    def test_a_canvas_turned_is_the_canvas_of_the_turned_page(self):
        canvas = Canvas.from_model(self.worker.processor.model)
        for size in ((128, 192), (256, 384), (300, 1000), (500, 300)):
            with self.subTest(size=size):
                picture = image().resize(size)
                once, around = (np.asarray(canvas.fit(each), dtype=float) for each in (picture, picture.rotate(180)))
                self.assertLess(np.abs(once[::-1, ::-1] - around).mean(), 8)
        exact, around = (np.asarray(canvas.fit(each)) for each in (image(), image().rotate(180)))
        self.assertTrue(np.array_equal(exact[::-1, ::-1], around))

    def test_a_picture_turned_for_measuring_loses_nothing(self):
        self.assertEqual(turned(bytes(sample()), 0), bytes(sample()))
        back = Image.open(io.BytesIO(turned(bytes(sample()), 90))).rotate(90, expand=True)
        self.assertEqual(back.convert("RGB").tobytes(), image().tobytes())


def leaves(tree):
    if isinstance(tree, dict):
        return [leaf for inner in tree.values() for leaf in leaves(inner)]
    if isinstance(tree, list):
        return [leaf for inner in tree for leaf in leaves(inner)]
    return [] if tree is None else [tree]


if __name__ == "__main__":
    unittest.main()
