"""requirements.txt is read as pip reads it."""

from pathlib import Path

import pytest

from model_artifacts.packing.errors import ArchiveError
from model_artifacts.packing.requirement_lines import Kind, read_lines

HASH = "sha256:" + "0" * 64


def read(tmp_path: Path, content: str | bytes) -> list[tuple[int, str, Kind]]:
    path = tmp_path / "requirements.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [(line.number, line.text, line.kind) for line in read_lines(path)]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("six==1.16.0", Kind.NAMED),
        ("six===1.16.0", Kind.NAMED),
        ("six (==1.16.0)", Kind.NAMED),
        ("requests[security, socks] == 2.28.2 ; python_version < '3.9'", Kind.NAMED),
        ("six @ https://example.com/six-1.16.0-py2.py3-none-any.whl", Kind.URL),
        ("six@https://example.com/six-1.16.0.tar.gz", Kind.URL),
        ("https://example.com/six-1.16.0-py2.py3-none-any.whl", Kind.URL),
        ("file:///opt/six.whl", Kind.URL),
        ("git+https://example.com/six.git@v1", Kind.VERSION_CONTROL),
        ("six @ git+ssh://git@example.com/six.git", Kind.VERSION_CONTROL),
        ("hg+https://example.com/six", Kind.VERSION_CONTROL),
        ("./wheels/six-1.16.0-py2.py3-none-any.whl", Kind.FILE),
        ("six-1.16.0-py2.py3-none-any.whl", Kind.FILE),
        ("/opt/ml/model/code/six.tar.gz", Kind.FILE),
        ("../six", Kind.FILE),
        (".", Kind.FILE),
        (".[extra]", Kind.FILE),
        ("-e .", Kind.EDITABLE),
        ("-e git+https://example.com/six.git#egg=six", Kind.EDITABLE),
        ("--editable=./six", Kind.EDITABLE),
        ("-r base.txt", Kind.INCLUDE),
        ("-rbase.txt", Kind.INCLUDE),
        ("--requirement=base.txt", Kind.INCLUDE),
        ("-c constraints.txt", Kind.INCLUDE),
        ("--constraint constraints.txt", Kind.INCLUDE),
        ("-i https://example.com/simple", Kind.INDEX),
        ("--index-url https://example.com/simple", Kind.INDEX),
        ("--extra-index-url=https://example.com/simple", Kind.INDEX),
        ("-f https://example.com/wheels.html", Kind.INDEX),
        ("--find-links wheels", Kind.INDEX),
        ("--no-index", Kind.INDEX),
        ("--no-binary :all:", Kind.OPTION),
        ("--only-binary=:all:", Kind.OPTION),
        ("--pre", Kind.OPTION),
        ("--trusted-host example.com", Kind.OPTION),
        ("six = 1.16.0", Kind.INVALID),
        ("six==1.16.0 seven==1.17.0", Kind.INVALID),
        ("pip install six==1.16.0", Kind.INVALID),
    ],
)
def test_each_line_is_of_a_kind(tmp_path: Path, line: str, kind: Kind) -> None:
    assert read(tmp_path, f"{line}\n") == [(1, line, kind)]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_continued_lines_are_one_and_have_the_number_of_the_first(tmp_path: Path, end: str) -> None:
    lines = [
        "# why",
        "six==1.16.0 \\",
        f"    --hash={HASH} \\",
        "    --hash=sha256:1  # the other wheel",
        "",
        "seven==1",
    ]
    content = end.join(lines)
    assert read(tmp_path, content) == [(2, "six==1.16.0", Kind.NAMED), (6, "seven==1", Kind.NAMED)]
    (line, _) = read_lines(tmp_path / "requirements.txt")
    assert line.hashes == (HASH, "sha256:1")
    assert line.options == ()


@pytest.mark.parametrize("options", [f"--hash={HASH}", f"--hash {HASH}", f'--hash="{HASH}"'])
def test_a_hash_may_be_written_in_any_of_pips_ways(tmp_path: Path, options: str) -> None:
    read(tmp_path, f"six==1.16.0 {options}\n")
    (line,) = read_lines(tmp_path / "requirements.txt")
    assert (line.text, line.hashes) == ("six==1.16.0", (HASH,))


def test_other_options_of_a_requirement_are_known(tmp_path: Path) -> None:
    read(tmp_path, 'six==1.16.0 --global-option="--quiet" --hash=sha256:1\n')
    (line,) = read_lines(tmp_path / "requirements.txt")
    assert (line.text, line.options, line.hashes) == ("six==1.16.0", ("--global-option",), ("sha256:1",))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("six==1 # why", ["six==1"]),
        ("six==1\t#why", ["six==1"]),
        ("  # all of it", []),
        ("six @ https://example.com/six.zip#egg=six", ["six @ https://example.com/six.zip#egg=six"]),
        ("six==1 \\\n# a comment ends it\nseven==1", ["six==1", "seven==1"]),
        ("# a comment is not continued \\\nsix==1", ["six==1"]),
        ("six==1 \\", ["six==1"]),
    ],
)
def test_comments_are_those_of_pip(tmp_path: Path, content: str, expected: list[str]) -> None:
    assert [text for _, text, _ in read(tmp_path, content)] == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_gives_the_encoding(tmp_path: Path, encoding: str) -> None:
    assert read(tmp_path, "six==1\r\n# caf\xe9\r\n".encode(encoding)) == [(1, "six==1", Kind.NAMED)]


def test_a_declared_encoding_counts(tmp_path: Path) -> None:
    assert read(tmp_path, b"# -*- coding: latin-1 -*-\n# caf\xe9\nsix==1\n") == [(3, "six==1", Kind.NAMED)]


@pytest.mark.parametrize("content", [b"# caf\xe9\n", b"# coding: nothing\n# x\n"])
def test_text_in_no_known_encoding_is_rejected(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ArchiveError, match="save it as UTF-8"):
        read(tmp_path, content)
