"""Batches through the real handler: processed together, each request with its own result."""

import json
import math
import unittest
from unittest import mock

from PIL import Image

from archive_worker import BatchRequest
from documents_in_memory import (
    FIELDS,
    envelope,
    pdf,
    sample,
    saved,
    tiff,
)
from greedy_decoder import Decoded
from request_case import RequestCase


class Batches(RequestCase):
    def test_requests_that_come_together_are_read_together_each_with_its_own_headers(self):
        answers = self.worker.batch(
            BatchRequest(sample(0), "image/jpeg"),
            BatchRequest(pdf(1, 2), "application/pdf", accept="application/jsonlines"),
            BatchRequest(envelope(sample(3)), "application/json"),
        )
        self.assertEqual([answer.status for answer in answers], [200, 200, 200])
        self.assertEqual(
            [answer.content_type for answer in answers],
            ["application/json", "application/jsonlines", "application/json"],
        )
        first, last = (json.loads(answers[index].text) for index in (0, 2))
        self.assertEqual([*first["predictions"], *last["predictions"]], [FIELDS[0], FIELDS[3]])
        lines = [json.loads(line) for line in answers[1].text.splitlines()]
        self.assertEqual([line["prediction"] for line in lines], FIELDS[1:3])
        for page in (*first["pages"], *lines, *last["pages"]):
            self.assertEqual(page["read_together"], 4)

    def test_one_bad_request_fails_alone(self):
        answers = self.worker.batch(
            BatchRequest(sample(0)),
            BatchRequest(bytearray(b"no image")),
            BatchRequest(sample(1), accept="text/csv"),
            BatchRequest(sample(1), custom_attributes="task_prompt=<s_x>"),
            BatchRequest(None),
            BatchRequest(sample(1)),
        )
        self.assertEqual([answer.status for answer in answers], [200, 400, 406, 400, 400, 200])
        read = [json.loads(answers[index].text) for index in (0, 5)]
        self.assertEqual([answer["predictions"] for answer in read], [[FIELDS[0]], [FIELDS[1]]])
        self.assertEqual(read[0]["pages"][0]["read_together"], 2)

    def test_a_page_at_which_the_model_fails_takes_no_other_with_it(self):
        decode = self.worker.processor._decode
        poison = self.worker.processor.model.to_tensor(Image.new("RGB", (128, 192), "black"))

        def failing(pages):
            if any(page.tensor.equal(poison) for page in pages):
                raise RuntimeError("out of memory")
            return decode(pages)

        black = saved(Image.new("RGB", (128, 192), "black"), "PNG")
        with mock.patch.object(self.worker.processor, "_decode", side_effect=failing):
            answers = self.worker.batch(BatchRequest(sample(0)), BatchRequest(black), BatchRequest(sample(1)))
        self.assertEqual([answer.status for answer in answers], [200, 500, 200])
        self.assertEqual(answers[1].text, "The model failed on this document: 'RuntimeError: out of memory'.")
        for index, answer in ((0, answers[0]), (1, answers[2])):
            self.assertEqual(json.loads(answer.text)["predictions"], [FIELDS[index]])

    def test_more_pages_than_go_at_once_are_read_in_turns(self):
        answers = self.worker.batch(*(BatchRequest(tiff(0, 1, 2), "image/tiff") for _ in range(7)))
        together = []
        for answer in answers:
            read = json.loads(answer.text)
            self.assertEqual(read["predictions"], FIELDS[:3])
            together.extend(page["read_together"] for page in read["pages"])
        self.assertEqual(together, [16] * 16 + [5] * 5)

    def test_a_page_whose_numbers_are_none_fails_alone_and_never_becomes_a_result(self):
        processor = self.worker.processor
        decode = processor._decode

        def broken(pages):
            return [
                Decoded(each.ids, [math.nan] * len(each.ids)) if page.request == 1 else each
                for page, each in zip(pages, decode(pages))
            ]

        with mock.patch.object(processor, "_decode", broken):
            answers = self.worker.batch(*(BatchRequest(sample(index)) for index in range(3)))
        self.assertEqual([answer.status for answer in answers], [200, 500, 200])
        self.assertIn("page 1 gave NaN", answers[1].text)

    def test_an_error_outside_every_request_answers_all_of_them(self):
        with mock.patch.object(self.worker.processor, "process", side_effect=RuntimeError("lost")):
            answers = self.worker.batch(BatchRequest(sample(0)), BatchRequest(sample(1)))
        self.assertEqual([answer.status for answer in answers], [500, 500])
        self.assertEqual(
            {answer.text for answer in answers}, {"The model server failed on this batch: its log says why."}
        )


if __name__ == "__main__":
    unittest.main()
