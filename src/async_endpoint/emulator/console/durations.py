"""Lengths of time in words, for pages and terminals."""

_DAY = 86_400


def duration(seconds: float) -> str:
    """Seconds in words that are short: `4 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    whole = round(seconds)
    for unit, size, below, below_size in (("d", _DAY, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // below_size
            return f"{whole // size} {unit}" + (f" {rest} {below}" if rest else "")
    return f"{whole} s"
