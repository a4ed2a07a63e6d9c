"""The fields of a result beside those of donut-python's own parser, and names that it cannot take."""

import random
import re
from types import SimpleNamespace
import unittest

from archive_worker import ARCHIVE  # noqa: F401 - puts the archive's code on the import path

# isort: split
from library_network import HAS_DONUT_PYTHON
from token_parser import parse_tokens

if HAS_DONUT_PYTHON:
    from donut_library import DonutModel

ADDED = {"<yes/>": 80, "<sep/>": 81, "<s_a>": 82, "</s_a>": 83}
PIECES = (
    "<s_a>", "</s_a>", "<s_b>", "</s_b>", "<S_A>", "</S_a>", "<sep/>", "x", "y z", " ", "<yes/>", "<no/>", "<s_", ">",
    "</s_", "<", "<s_>", "</s_>", "\n", "<s_items>", "</s_items>",
)  # fmt: skip
TEXTS = 20_000


class StockParser:
    """donut-python's `token2json`, without a network around it."""

    decoder = SimpleNamespace(tokenizer=SimpleNamespace(get_added_vocab=lambda: ADDED))

    def token2json(self, text, is_inner_value=False):  # noqa: FBT002 - donut-python's own call
        """Returns the fields."""
        return DonutModel.token2json(self, text, is_inner_value)


class Tokens(unittest.TestCase):
    @unittest.skipUnless(HAS_DONUT_PYTHON, "compared on the image that has donut-python")
    def test_every_text_has_the_fields_of_the_stock_parser(self):
        chance = random.Random(7)  # noqa: S311 - texts, not secrets
        compared = 0
        for _ in range(TEXTS):
            text = "".join(chance.choice(PIECES) for _ in range(chance.randint(0, 14)))
            self.assertEqual(parse_tokens(text, ADDED), StockParser().token2json(text), repr(text))
            compared += "<s_" in text
        self.assertGreater(compared, TEXTS / 2)

    def test_a_name_may_hold_any_character(self):
        for name in ("c++", "a(b", "[x", "a.b", "p|q", "$", "x*", "\\d", "{2}", "?"):
            with self.subTest(name=name):
                text = f"<s_{name}>1</s_{name}><s_b>2</s_b>"
                self.assertEqual(parse_tokens(text, ADDED), {name: "1", "b": "2"})
                nested = f"<s_{name}><s_b>1</s_b><sep/><s_b>2</s_b></s_{name}>"
                self.assertEqual(parse_tokens(nested, ADDED), {name: [{"b": "1"}, {"b": "2"}]})

    @unittest.skipUnless(HAS_DONUT_PYTHON, "compared on the image that has donut-python")
    def test_the_stock_parser_fails_on_such_a_name(self):
        with self.assertRaises(re.error):
            StockParser().token2json("<s_c++>1</s_c++>")

    def test_a_dot_in_a_name_stands_for_itself(self):
        self.assertEqual(parse_tokens("<s_a.b>1</s_axb>2</s_a.b>", ADDED), {"a.b": "1</s_axb>2"})

    def test_a_long_list_is_read_to_its_end(self):
        text = "<sep/>".join("<s_a>1</s_a>" for _ in range(3000))
        self.assertEqual(parse_tokens(text, ADDED), [{"a": "1"}] * 3000)


if __name__ == "__main__":
    unittest.main()
