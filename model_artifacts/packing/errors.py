"""The error of the packing step."""


class ArchiveError(Exception):
    """Inputs that cannot be packed. The message is one sentence: what is wrong, where, what to do."""
