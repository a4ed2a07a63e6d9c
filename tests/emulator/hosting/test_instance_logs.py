"""What instances print is read in the running CloudWatch Logs, where SageMaker puts it."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.hosting import instance_logs
from async_endpoint.emulator.hosting.data_log import DataLog, LogEvent, LogStream
from async_endpoint.emulator.hosting.instance_logs import InstanceLogs
from tests.emulator.console.test_overview import request
from tests.emulator.fakes import FakeInstance, FakeRegion, eventually, fake_region


@dataclass
class Printing:
    """An endpoint with one instance whose log is a file of the test's."""

    region: FakeRegion
    name: str
    log: Path
    logs: InstanceLogs

    @property
    def group(self) -> str:
        return f"/aws/sagemaker/Endpoints/{self.name}"

    @property
    def instance(self) -> FakeInstance:
        return self.region.launches.made[0]

    def written(self, *parts: str) -> list[str]:
        """The texts in the stream of the instance, or in one below it, after what there is was written."""
        self.logs.write(self.region.sagemaker.endpoints())
        stream = "/".join(["AllTraffic", self.instance.instance_id, *parts])
        answer = self.region.clients.logs.filter_log_events(logGroupName=self.group, logStreamNames=[stream])
        return [event["message"] for event in answer["events"]]


@pytest.fixture
def printing(clients: AwsClients, tmp_path: Path) -> Iterator[Printing]:
    instance = FakeInstance()
    instance.log = tmp_path / "container.log"
    with fake_region(tmp_path, instance, clients=clients) as region:
        name = f"printing-{uuid.uuid4()}"
        region.create(name, output={"S3FailurePath": f"s3://{uuid.uuid4()}/failures"})
        yield Printing(region, name, instance.log, InstanceLogs(clients, region.context.data_log))


def append(path: Path, text: bytes) -> None:
    with path.open("ab") as file:
        file.write(text)


def test_whole_lines_are_written_once_each_as_they_come(printing: Printing) -> None:
    append(printing.log, b"model loaded\n\nGET /ping\nhalf a li")
    assert printing.written() == ["model loaded", "GET /ping"]
    append(printing.log, b"ne\n")
    assert printing.written() == printing.written() == ["model loaded", "GET /ping", "half a line"]


def test_a_file_that_is_not_there_yet_is_waited_for(printing: Printing) -> None:
    printing.logs.write(printing.region.sagemaker.endpoints())
    append(printing.log, b"begun\n")
    assert printing.written() == ["begun"]


def test_a_file_that_another_took_the_place_of_is_read_from_its_beginning(printing: Printing) -> None:
    append(printing.log, b"first launch, on a port that was taken\n")
    printing.written()
    printing.log.rename(printing.log.with_suffix(".1.log"))
    append(printing.log, b"second launch\n")
    assert printing.written() == ["first launch, on a port that was taken", "second launch"]


def test_what_an_instance_printed_last_is_written_after_it_is_gone(
    printing: Printing, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(printing.log, b"working\n")
    printing.written()
    printing.region.endpoint(printing.name).set_capacity(0)
    assert printing.region.endpoint(printing.name).wait(20)
    append(printing.log, b"killed in the middle of")
    assert printing.written() == ["working"]
    monkeypatch.setattr(instance_logs, "_WATCHED_SECONDS", 0.0)
    assert printing.written() == ["working", "killed in the middle of"]
    append(printing.log, b"nobody looks any more\n")
    assert printing.written() == ["working", "killed in the middle of"]


def test_a_group_that_the_template_made_stays_as_it_is_and_one_made_here_never_expires(printing: Printing) -> None:
    logs = printing.region.clients.logs
    logs.create_log_group(logGroupName=printing.group)
    logs.put_retention_policy(logGroupName=printing.group, retentionInDays=30)
    append(printing.log, b"one\n")
    assert printing.written() == ["one"]

    def retention() -> int | None:
        (group,) = logs.describe_log_groups(logGroupNamePrefix=printing.group)["logGroups"]
        return group.get("retentionInDays")

    assert retention() == 30
    logs.delete_log_group(logGroupName=printing.group)
    append(printing.log, b"two\n")
    assert printing.written() == ["two"]
    assert retention() is None


def test_trouble_with_s3_is_in_the_data_log_of_the_instance_that_had_it(printing: Printing) -> None:
    missing = f"s3://{uuid.uuid4()}/1.jpg"
    endpoint = printing.region.endpoint(printing.name)
    endpoint.accept(request(1, endpoint_name=printing.name, input_location=missing))
    eventually(lambda: printing.region.history.documents(printing.name), "the request has failed")
    download, upload = sorted(printing.written("data-log"))
    assert f"Failed to download the request from {missing}: " in download
    assert "NoSuchBucket" in download
    assert "Failed to upload" in upload


def test_trouble_with_sns_is_in_the_data_log_too(printing: Printing) -> None:
    printing.region.context.data_log.reporter(printing.name, "AllTraffic")(
        printing.instance.instance_id, "no such topic"
    )
    assert printing.written("data-log") == ["no such topic"]


def test_more_than_one_call_takes_is_written_in_several(printing: Printing) -> None:
    count = 10_500
    append(printing.log, b"".join(b"line %d\n" % number for number in range(count)))
    printing.logs.write(printing.region.sagemaker.endpoints())
    for line in ("line 0", f"line {count - 1}"):
        found = printing.region.clients.logs.filter_log_events(logGroupName=printing.group, filterPattern=f'"{line}"')
        assert line in [event["message"] for event in found["events"]]


def test_a_line_longer_than_an_event_may_be_is_several(printing: Printing) -> None:
    append(printing.log, b"a" * 600_000 + b"\n")
    lengths = [len(text) for text in printing.written()]
    assert sum(lengths) == 600_000
    assert max(lengths) <= 256 * 1024 - 26


def test_batches_stay_within_what_a_call_takes() -> None:
    stream = LogStream("g", "s")
    events = [LogEvent(stream, "é" * 100_000, 1) for _ in range(12)]
    batches = list(instance_logs._batches(events))
    assert [len(batch) for batch in batches] == [5, 5, 2]
    assert sum(len(event["message"]) for batch in batches for event in batch) == 1_200_000


def test_a_cloudwatch_that_does_not_answer_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data_log = DataLog()
    data_log.reporter("receipts", "AllTraffic")("i-01", "no such topic")
    with fake_region(tmp_path) as region:
        InstanceLogs(region.clients, data_log).write([])
    assert "could not write to the log AllTraffic/i-01/data-log of /aws/sagemaker/Endpoints/receipts" in caplog.text


def test_an_endpoint_that_printed_nothing_has_no_group(printing: Printing) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        printing.written()
