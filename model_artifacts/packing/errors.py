"""What keeps an archive from being made."""


class ArchiveError(Exception):
    """Inputs of which no archive can be made. Its message is one sentence: what, where, what to do."""
