"""The file of results is replaced whole, or not at all."""

import os
from pathlib import Path

import pytest

from async_endpoint.client import AsyncEndpoint, InMemoryTransport, OutputInUse
from async_endpoint.client.run_output import RunOutput
from tests.support.endpoint_fixtures import echo


@pytest.mark.parametrize(
    ("lines", "replace", "content"), [(["new"], True, "new\n"), (["new"], False, "old\n"), ([], True, "old\n")]
)
def test_an_old_file_is_replaced_by_lines_alone(
    tmp_path: Path, *, lines: list[str], replace: bool, content: str
) -> None:
    path = tmp_path / "out"
    path.write_text("old\n")
    output = RunOutput(path)
    assert path.read_text() == "old\n"

    output.publish(lines, replace=replace)
    output.close()

    assert path.read_text() == content
    assert list(tmp_path.iterdir()) == [path]


def test_lines_that_come_together_are_written_together(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    output = RunOutput(pipe)

    output.write("one", "two")

    assert os.read(reader, 100) == b"one\ntwo\n"
    output.close()
    os.close(reader)


def test_one_run_writes_a_file_at_a_time(tmp_path: Path) -> None:
    first = RunOutput(tmp_path / "out")
    with pytest.raises(OutputInUse, match="Another run is writing"):
        RunOutput(tmp_path / "out")
    first.close()
    RunOutput(tmp_path / "out").close()


def test_a_link_is_followed_and_a_device_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    output = RunOutput(tmp_path / "link")
    output.publish(["line"], replace=True)
    output.close()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "line\n"

    null = RunOutput(Path(os.devnull))
    null.publish(["line"], replace=True)
    null.close()
    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize(
    ("key", "sent"),
    [
        ("in/plain name.png", "s3://inputs/in/plain name.png"),
        ("in/blank ", "https://inputs.s3.us-east-1.amazonaws.com/in/blank%20"),
        ("in/レシート.png", "https://inputs.s3.us-east-1.amazonaws.com/in/%E3%83%AC%E3%82%B7%E3%83%BC%E3%83%88.png"),
        ("in/two\nlines", "https://inputs.s3.us-east-1.amazonaws.com/in/two%0Alines"),
    ],
)
def test_a_key_that_does_not_fit_a_header_is_encoded(key: str, sent: str) -> None:
    transport = InMemoryTransport(echo)
    AsyncEndpoint("receipts", transport=transport).submit(f"s3://inputs/{key}")
    assert transport.requests[0].input_location == sent
