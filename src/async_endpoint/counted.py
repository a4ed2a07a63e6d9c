"""Numbers with their nouns, for sentences."""


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Returns a number with its noun, such as `1 request` or `2,000 requests`.

    Args:
        number: How many.
        noun: For one.
        plural: For another number; the noun with an s if absent.
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
