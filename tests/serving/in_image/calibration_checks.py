"""The calibrated confidence: its maps, the file it comes from, what a result says, and what it is worth."""

import dataclasses
import json
from pathlib import Path
import shutil
import tempfile
import unittest

import numpy as np

from archive_worker import ARCHIVE, Worker
from calibrate import fit_map, threshold_for
from calibration import CALIBRATION_FILE, FieldMap, load_calibration
from documents_in_memory import sample
from donut_loading import load_model
from evaluate import evaluate
import inference
from model_folder import ModelFolderError
from reading import drawn_documents
from reliability import ReturnedField, calibration_error, figures, missing_fields, returned_fields

SMALL = ARCHIVE / "my_model"
CONTENT = json.loads((SMALL / CALIBRATION_FILE).read_text(encoding="utf-8"))
RAW = [step / 10_000 for step in range(10_001)]
# Not among the first thousand, which the model card's figures come from.
FRESH = range(60_000, 60_060)


def page_of(**changes):
    """A page's result, as far as reliability.py looks at it."""
    fields = {"prediction": {}, "raw_confidence": None, "confidence": None, **changes}
    return dataclasses.make_dataclass("Page", fields)(**fields)


class Maps(unittest.TestCase):
    def test_more_raw_confidence_never_gives_less(self):
        calibration = load_calibration(SMALL, "model.pth")
        for kind, field_map in [*calibration.fields.items(), ("steep", FieldMap(1e6, 0)), ("flat", FieldMap(1e-9, -3))]:
            with self.subTest(kind=kind):
                values = [field_map.confidence(raw) for raw in RAW]
                self.assertTrue(all(before <= after for before, after in zip(values, values[1:])))
                self.assertGreaterEqual(values[0], 0.0001)
                self.assertLessEqual(values[-1], 0.9999)

    def test_each_field_has_the_map_of_its_path_and_any_other_that_of_the_rest(self):
        maps = {name: FieldMap(1, offset) for name, offset in (("store", 0), ("items.price", -1), ("others", 1))}
        calibration = dataclasses.replace(load_calibration(SMALL, "model.pth"), fields=maps)
        raw = {"store": 0.5, "items": [{"name": 0.5, "price": 0.5}, {"price": [0.5, 0.5]}], "price": 0.5}
        self.assertEqual(
            calibration.confidence_of(raw, certainty=1.0),
            {
                "store": 0.5,
                "items": [{"name": 0.7311, "price": 0.2689}, {"price": [0.2689, 0.2689]}],
                "price": 0.7311,
            },
        )
        self.assertEqual(calibration.confidence_of([{"store": 0.5}], certainty=1.0), [{"store": 0.5}])

    def test_no_field_of_a_doubtful_page_reaches_the_threshold(self):
        calibration = load_calibration(SMALL, "model.pth")
        raw = {"store": 1.0, "items": [{"name": 1.0, "price": 0.01}]}
        sure = calibration.confidence_of(raw, calibration.doubtful_below)
        doubtful = calibration.confidence_of(raw, calibration.doubtful_below - 0.001)
        self.assertGreater(sure["store"], calibration.accept_threshold)
        self.assertEqual(doubtful["store"], calibration.doubtful_ceiling)
        self.assertLess(doubtful["items"][0]["name"], calibration.accept_threshold)
        self.assertEqual(doubtful["items"][0]["price"], sure["items"][0]["price"])


class Files(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name) / "my_model"
        shutil.copytree(str(SMALL), str(self.folder))

    def write(self, content):
        text = content if isinstance(content, str) else json.dumps(content)
        (self.folder / CALIBRATION_FILE).write_text(text, encoding="utf-8")

    def assert_rejects(self, sentence, content):
        self.write(content)
        with self.assertRaisesRegex(ModelFolderError, sentence) as caught:
            load_calibration(self.folder, "model.pth")
        said = str(caught.exception)
        said.encode("ascii")
        self.assertEqual(len(said.splitlines()), 1)
        self.assertTrue(said.endswith("training/calibrate.py, or delete it to serve without calibrated confidence."))

    def test_a_model_without_the_file_has_no_calibration(self):
        (self.folder / CALIBRATION_FILE).unlink()
        self.assertIsNone(load_calibration(self.folder, "model.pth"))

    def test_the_calibration_of_other_weights_is_rejected(self):
        shutil.copyfile(str(self.folder / "config.json"), str(self.folder / "model.pth"))
        self.assert_rejects("is for other weights: the SHA-256 of model.pth is [0-9a-f]{16}, not 'f99275", CONTENT)
        for name in ("pytorch_model.bin", "../my_model/model.pth", 3, None, "", ".."):
            with self.subTest(name=name):
                self.assert_rejects(
                    "is for the weights .*, and the model was loaded from model.pth",
                    {**CONTENT, "weights": {**CONTENT["weights"], "file": name}},
                )

    def test_what_is_no_calibration_is_rejected(self):
        one = {"slope": 1.0, "offset": 0.0}
        self.assert_rejects("is not JSON", "{")
        self.assert_rejects("is not JSON", "[" * 100_000)
        for content in ([], 3, None, {}, {**CONTENT, "more": 1}, {"fields": {}}):
            self.assert_rejects("must have an object of weights, task_prompt, fields, .* as its content", content)
        self.assert_rejects('has 3 as "task_prompt", which must be a text', {**CONTENT, "task_prompt": 3})
        for fields in ([], {}, {"store": one}):
            self.assert_rejects('has no "others" in its "fields"', {**CONTENT, "fields": fields})
        for field in ({}, 1.0, {**one, "knots": []}):
            self.assert_rejects(
                "must have an object of slope, offset as the field 'total'",
                {**CONTENT, "fields": {"others": one, "total": field}},
            )
        for slope in ("1", True, None, float("nan"), float("inf"), 10**400, "\u00e4"):
            self.assert_rejects(
                """has .* as "slope" of the field 'others', which must be a number from -1000 to 1000:""",
                {**CONTENT, "fields": {"others": {**one, "slope": slope}}},
            )
        for slope in (0, -0.5):
            self.assert_rejects(
                "has -?0.* which must be more than 0", {**CONTENT, "fields": {"others": {**one, "slope": slope}}}
            )
        for threshold in (-0.1, 1.1, "0.9", False):
            self.assert_rejects(
                'has .* as "accept_threshold", which must be a number from 0 to 1',
                {**CONTENT, "accept_threshold": threshold},
            )

    def test_what_is_no_setting_of_doubtful_pages_is_rejected(self):
        doubtful = CONTENT["doubtful"]
        for changed, sentence in (
            ({"ceiling": CONTENT["accept_threshold"]}, 'has a "ceiling" of .* less than its "accept_threshold"'),
            ({"ceiling": -1}, 'has -1 as "ceiling", which must be a number from 0 to 1'),
            ({"below": 2}, 'has 2 as "below", which must be a number from 0 to 1'),
            ({"turn": 1}, 'has 1 as "turn", which must be true or false'),
            ({"turns": [90]}, 'must have an object of below, ceiling, turn as "doubtful"'),
        ):
            with self.subTest(changed=changed):
                self.assert_rejects(sentence, {**CONTENT, "doubtful": {**doubtful, **changed}})

    def test_a_worker_does_not_start_on_another_model_s_calibration(self):
        self.write({**CONTENT, "weights": {**CONTENT["weights"], "sha256": "0" * 64}})
        with self.assertRaisesRegex(ModelFolderError, "is for other weights"):
            inference.model_fn(str(self.folder.parent))


class Results(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.calibrated = Worker()
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(str(SMALL), str(Path(folder) / "my_model"))
            (Path(folder) / "my_model" / CALIBRATION_FILE).unlink()
            cls.plain = Worker(folder)

    def page(self, worker, **headers):
        return json.loads(worker.request(sample(), **headers).text)["pages"][0]

    def test_the_raw_number_is_beside_the_calibrated_one(self):
        page, plain = self.page(self.calibrated), self.page(self.plain)
        self.assertEqual(page["raw_confidence"], plain["raw_confidence"])
        self.assertEqual(page["accept_threshold"], CONTENT["accept_threshold"])
        store = load_calibration(SMALL, "model.pth").fields["store"]
        self.assertEqual(page["confidence"]["store"], store.confidence(page["raw_confidence"]["store"]))
        self.assertEqual(page["confidence"].keys(), page["raw_confidence"].keys())
        self.assertEqual(
            [item.keys() for item in page["confidence"]["items"]],
            [item.keys() for item in page["raw_confidence"]["items"]],
        )

    def test_without_a_calibration_no_number_looks_like_a_calibrated_one(self):
        page = self.page(self.plain)
        self.assertIsNone(page["confidence"])
        self.assertIsNone(page["accept_threshold"])
        self.assertGreater(page["raw_confidence"]["store"], 0.5)

    def test_the_results_of_another_prompt_are_not_calibrated(self):
        page = self.page(self.calibrated, custom_attributes="task_prompt=<s_store>")
        self.assertIsNone(page["confidence"])
        self.assertIsNone(page["accept_threshold"])
        self.assertEqual(page["turned"], 0)
        page = self.page(self.calibrated, custom_attributes="task_prompt=<s_receipt>")
        self.assertIsNotNone(page["confidence"])


class Figures(unittest.TestCase):
    def test_accepted_fields_are_right_and_most_fields_are_accepted(self):
        counts, _ = evaluate(ARCHIVE, drawn_documents("evaluation", FRESH, damage="mixed"))
        confidence = counts["confidence"]
        self.assertEqual(counts["documents"], len(FRESH))
        self.assertGreaterEqual(confidence["accepted"], 0.75 * confidence["fields"], confidence)
        # One percent, and three of some four hundred by chance.
        self.assertLessEqual(confidence["accepted_wrong"], 0.01 * confidence["accepted"] + 3, confidence)
        self.assertLess(confidence["ece"]["equal_mass"], 0.05)

    def test_upside_down_and_left_so_next_to_no_field_is_accepted(self):
        documents = drawn_documents("evaluation", FRESH, damage="mixed", turn=180)
        counts, _ = evaluate(ARCHIVE, documents, is_turning=False)
        self.assertEqual((counts["turned"], counts["extra_passes"], counts["three"]), (0, 0, 0))
        self.assertLessEqual(counts["confidence"]["accepted"], 2, counts)

    def test_a_field_counts_as_right_at_its_own_place_only(self):
        truth = {"store": "A", "items": [{"name": "X", "price": "1"}, {"name": "Y", "price": "2"}], "total": "3"}
        skipped = {"store": "A", "items": [{"name": "Y", "price": "2"}], "tip": "1"}
        raw = {"store": 0.9, "items": [{"name": 0.8, "price": 0.7}], "tip": 0.6}
        page = page_of(prediction=skipped, raw_confidence=raw)
        self.assertEqual(
            returned_fields(page, truth),
            [
                ReturnedField("store", is_right=True, raw=0.9, confidence=None),
                ReturnedField("items.name", is_right=False, raw=0.8, confidence=None),
                ReturnedField("items.price", is_right=False, raw=0.7, confidence=None),
                ReturnedField("tip", is_right=False, raw=0.6, confidence=None),
            ],
        )
        self.assertEqual(missing_fields(page, truth), 3)

    def test_the_error_is_the_gap_of_each_bin_weighted_by_its_fields(self):
        confidences, right = np.array([0.9] * 10 + [0.1] * 30), np.array([1] * 5 + [0] * 5 + [0] * 30)
        for equal_mass in (True, False):
            with self.subTest(equal_mass=equal_mass):
                error = calibration_error(confidences, right, equal_mass=equal_mass)
                self.assertAlmostEqual(error, 0.25 * 0.4 + 0.75 * 0.1, delta=0.06 if equal_mass else 1e-9)
        self.assertEqual(calibration_error(np.ones(50), np.ones(50), equal_mass=True), 0)

    def test_figures_count_what_is_accepted_and_what_has_no_confidence(self):
        fields = [
            ReturnedField("store", is_right=True, raw=0.9, confidence=0.95),
            ReturnedField("store", is_right=False, raw=0.9, confidence=0.9),
            ReturnedField("date", is_right=False, raw=0.5, confidence=0.4),
            ReturnedField("date", is_right=True, raw=None, confidence=None),
        ]
        found = figures(fields, 0.9)
        self.assertEqual((found["fields"], found["right"], found["without_confidence"]), (4, 2, 1))
        self.assertEqual((found["accepted"], found["accepted_wrong"]), (2, 1))
        self.assertNotIn("ece", figures(fields, None))


class Fitting(unittest.TestCase):
    def test_a_fit_finds_the_map_that_the_fields_follow(self):
        source = np.random.RandomState(0)
        raw = np.round(1 / (1 + np.exp(-source.uniform(-4, 9, 20_000))), 4)
        chance = [FieldMap(1.3, -0.9).confidence(each) for each in raw]
        found = fit_map(raw, source.uniform(size=len(raw)) < chance)
        self.assertAlmostEqual(found.slope, 1.3, delta=0.1)
        self.assertAlmostEqual(found.offset, -0.9, delta=0.1)

    def test_probabilities_that_order_the_wrong_way_fit_no_map(self):
        with self.assertRaisesRegex(ValueError, "do not order the fields"):
            fit_map([0.9] * 50 + [0.1] * 50, [False] * 40 + [True] * 50 + [False] * 10)

    def test_the_threshold_is_the_lowest_that_keeps_to_the_share(self):
        confidences = [0.99, 0.98, 0.97, 0.97, 0.9, 0.8]
        self.assertEqual(threshold_for(confidences, [True, True, True, True, False, True], 0.2), 0.8)
        self.assertEqual(threshold_for(confidences, [True, True, True, True, False, False], 0.2), 0.9)
        # Fields of one confidence are accepted together: the wrong one of the two counts.
        self.assertEqual(threshold_for(confidences, [True, True, True, False, False, False], 0.1), 0.98)
        with self.assertRaisesRegex(ValueError, "no threshold"):
            threshold_for(confidences, [False] * 6, 0.1)

    def test_the_committed_calibration_is_the_committed_model_s(self):
        self.assertEqual(load_calibration(SMALL, "model.pth").task_prompt, load_model(SMALL).config.task_prompt)


if __name__ == "__main__":
    unittest.main()
