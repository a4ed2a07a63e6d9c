"""The options in a line of requirements.txt, read as pip 23.0.1, the image's, reads them.

pip takes the same options in every line, and then uses some: of a line with a package only those of the package, of
-r, -c and -e the first. It drops the rest of the line without a word. Source: pip/_internal/req/req_file.py.
"""

from __future__ import annotations

import optparse
import shlex
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sized

_WITH_VALUE = (
    ("-i", "--index-url", "--pypi-url"), ("--extra-index-url",), ("-f", "--find-links"), ("-c", "--constraint"),
    ("-r", "--requirement"), ("-e", "--editable"), ("--no-binary",), ("--only-binary",), ("--trusted-host",),
    ("--use-feature",), ("--install-option",), ("--global-option",), ("--hash",),
)  # fmt: skip
_FLAGS = ("--no-index", "--prefer-binary", "--require-hashes", "--pre")
_OF_A_PACKAGE = ("install_option", "global_option", "hash")
_ALONE = ("requirement", "constraint", "editable")
_HASHES = ("sha256:", "sha384:", "sha512:")  # STRONG_HASHES in pip/_internal/utils/hashes.py


class _OptionError(Exception):
    pass


class _Parser(optparse.OptionParser):
    def error(self, msg: str) -> NoReturn:
        raise _OptionError(msg)


def fault(options: str, *, of_a_package: bool) -> str | None:
    """Returns what pip would reject or drop among a line's options, and what to do; None if it takes all.

    Args:
        options: What the line has from its first option on.
        of_a_package: Whether a package stands before them.
    """
    try:
        found, rest = _parser().parse_args(shlex.split(options))
    except ValueError as error:
        return f"has options that pip cannot split ({error}); correct the quotes"
    except _OptionError as error:
        return f"has an option that pip 23.0.1, the image's, does not take there ({error}); remove it"
    if rest:
        return f"has {rest[0]} after an option, which pip skips without a word; write it on a line of its own"
    given = {name: value for name, value in vars(found).items() if value}
    return _unused(given, of_a_package=of_a_package) or _bad_hash(given.get("hash", ()))


def _unused(given: Mapping[str, Sized], *, of_a_package: bool) -> str | None:
    foreign = [name for name in given if (name in _OF_A_PACKAGE) != of_a_package]
    if foreign:
        option = f"--{foreign[0].replace('_', '-')}"
        where = "on a line of its own" if of_a_package else "after a package"
        return f"has {option}, which pip skips without a word there; write it {where}, or remove it"
    alone = [name for name in given if name in _ALONE]
    if alone and (len(given) > 1 or len(given[alone[0]]) > 1):
        return f"has more than one option with --{alone[0]}, and pip skips the others; write each on a line of its own"
    return None


def _bad_hash(hashes: Iterable[str]) -> str | None:
    bad = next((each for each in hashes if not each.startswith(_HASHES)), None)
    return f"has the hash {bad}, which pip does not take; write sha256: and the digest" if bad is not None else None


def _parser() -> _Parser:
    parser = _Parser(add_help_option=False)
    for names in _WITH_VALUE:
        destination = next(name for name in names if name.startswith("--"))[2:].replace("-", "_")
        parser.add_option(*names, action="append", dest=destination)
    for name in _FLAGS:
        parser.add_option(name, action="store_true", default=False)
    return parser
