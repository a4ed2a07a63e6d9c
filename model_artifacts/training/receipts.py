"""The content of a receipt: drawn from a seed, so that one number reproduces any receipt.

Two rules keep training and measuring apart. Each purpose owns a range of seeds, and the ranges do not meet; and one
store name in ten or so never occurs in training, so that a store of the measured receipts has to be read, not
remembered.
"""

from __future__ import annotations

from dataclasses import dataclass
import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random

# fmt: off
FIRST_NAMES = [
    "BLUE", "GREEN", "LUNA", "CITY", "NORTH", "SUNNY", "OLD", "RAPID", "FRESH", "GOLD",
    "RIVER", "STAR", "PARK", "HILL", "MINT", "DAILY", "CORNER", "LUCKY", "URBAN", "OAK",
]
LAST_NAMES = [
    "CAFE", "MARKET", "DELI", "BAKERY", "GRILL", "FOODS", "PIZZA", "STORE",
    "BOOKS", "PHARMA", "SUSHI", "KIOSK", "DINER", "GARDEN", "SHOP", "BAR",
]
ITEM_NAMES = [
    "APPLES", "BAGEL", "BANANA", "BEER", "BREAD", "BURGER", "BUTTER", "CAKE", "CANDLE", "CARROT",
    "CEREAL", "CHEESE", "COFFEE", "COOKIES", "CREAM", "DONUT", "EGGS", "FISH", "FLOUR", "FRIES",
    "GRAPES", "GUM", "HAM", "HONEY", "ICE", "JAM", "JUICE", "KIWI", "LEMON", "LETTUCE",
    "MANGO", "MILK", "MUFFIN", "NAPKINS", "NOODLES", "OIL", "OLIVES", "ONION", "PAPER", "PASTA",
    "PEACH", "PENS", "PIE", "PLUM", "RICE", "SALAD", "SALT", "SOAP", "SODA", "SOUP",
    "SUGAR", "TAPE", "TEA", "TOMATO", "TUNA", "VINEGAR", "WATER", "WINE", "WRAP", "YOGURT",
]
# fmt: on
MOST_ITEMS = 4
TEXT_FIELDS = ("store", "date", "total")
LIST_FIELD = "items"
ITEM_FIELDS = ("name", "price")

SEEDS = {
    "training": range(1_000_000_000),
    "validation": range(1_000_000_000, 1_100_000_000),
    "samples": range(1_100_000_000, 1_200_000_000),
    "evaluation": range(1_200_000_000, 2_000_000_000),
    "calibration": range(2_000_000_000, 2_100_000_000),
}


@dataclass(frozen=True)
class Receipt:
    """One receipt's content.

    Attributes:
        store: Two words in capitals.
        date: `YYYY-MM-DD`.
        total: Amount with two decimals, the sum of the items where there are any.
        items: Name and price of each line item.
    """

    store: str
    date: str
    total: str
    items: tuple[tuple[str, str], ...]

    def fields(self) -> dict[str, Any]:
        """Returns what a model should return, in the order it returns them: store, date, total, then the list of items.

        A receipt without items has no such key: Donut's tokens have no empty list.
        """
        result: dict[str, Any] = {name: getattr(self, name) for name in TEXT_FIELDS}
        if self.items:
            result[LIST_FIELD] = [dict(zip(ITEM_FIELDS, item)) for item in self.items]
        return result


def is_held_out(first_name: str, last_name: str) -> bool:
    """Whether a store of this name is kept from training (about one in ten)."""
    return (FIRST_NAMES.index(first_name) * 7 + LAST_NAMES.index(last_name) * 3) % 10 == 0


@functools.lru_cache(maxsize=None)
def stores_of(purpose: str) -> list[tuple[str, str]]:
    """Returns the two words of every store that a purpose's receipts may come from.

    Args:
        purpose: A key of `SEEDS`; `training` has the trained stores, every other one the held-out stores.
    """
    held_out = purpose != "training"
    return [(first, last) for first in FIRST_NAMES for last in LAST_NAMES if is_held_out(first, last) == held_out]


def seed_of(purpose: str, index: int) -> int:
    """Returns the seed of a purpose's receipt number `index`.

    Args:
        purpose: A key of `SEEDS`.
        index: Counted from 0.

    Returns:
        A seed that no other purpose can get.

    Raises:
        IndexError: The purpose has no such number.
    """
    return SEEDS[purpose][index]


def draw_content(purpose: str, random_source: random.Random, *, with_items: bool = True) -> Receipt:
    """Draws one receipt's content: a store of the purpose's kind, any date, one to four items and their sum.

    Args:
        purpose: A key of `SEEDS`.
        random_source: Advanced by this call.
        with_items: False leaves the line items out and draws any total (the first part of training).
    """
    first, last = random_source.choice(stores_of(purpose))
    date = (random_source.randint(2018, 2026), random_source.randint(1, 12), random_source.randint(1, 28))
    cents = [random_source.randint(50, 9999) for _ in range(random_source.randint(1, MOST_ITEMS) if with_items else 0)]
    items = tuple((random_source.choice(ITEM_NAMES), _amount(price)) for price in cents)
    total = _amount(sum(cents) if cents else random_source.randint(50, 39999))
    return Receipt(f"{first} {last}", "{:04d}-{:02d}-{:02d}".format(*date), total, items)


def _amount(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"
