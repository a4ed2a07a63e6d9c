"""Text of others for a terminal."""


def one_line(text: str) -> str:
    """Returns a text as one line, without control characters for the terminal."""
    return "".join(character if character.isprintable() else " " for character in text)
