"""The page of one endpoint: everything about it is there, and whatever users send is text."""

import json
from pathlib import Path

import pytest

from async_endpoint.cloudwatch.metric_key import MINUTE
from async_endpoint.emulator.hosting.history import DOCUMENTS_KEPT, RESULT_BYTES_KEPT
from tests.emulator.console.pages import HOSTILE, HOSTILE_ID, SHOWN, TAGS, filled, page, remembered
from tests.emulator.console.test_overview import TARGET, alarm, dimension, request
from tests.emulator.fakes import START, FakeInstance, FakeRegion, fake_region
from tests.emulator.hosting.test_history import sampled


def test_an_endpoints_page_has_queue_charts_alarms_and_documents_with_captions(region: FakeRegion) -> None:
    filled(region)
    read = page(region, alarms="all")
    for text in ("Queue: 1 waiting", "id-1", "s3://inputs/1.jpg", "wake", "Last documents", '{"total": "12.50"}'):
        assert text in read.text
    assert len(read.all("caption")) == len(read.all("table")) == 5
    assert len(read.all("svg")) == 4  # two charts in two sizes
    assert "other" not in read.text.split()


def test_alarms_are_a_count_and_those_that_are_trouble_and_all_on_request(region: FakeRegion) -> None:
    policy = "arn:aws:autoscaling:r:1:scalingPolicy:id:resource/sagemaker/e:policyName/sleep"
    for name, actions in (("sleep", [policy]), ("page", [])):
        region.autoscaling.put_alarm(alarm(name, Dimensions=dimension("receipts"), AlarmActions=actions))
    region.autoscaling.set_alarm_state("sleep", "ALARM", "It was set.", None)
    asleep = page(region)
    region.autoscaling.set_alarm_state("page", "ALARM", "It was set.", None)
    trouble, everything = page(region), page(region, alarms="all")

    assert "Alarms on its metrics: 1 ALARM, 1 INSUFFICIENT_DATA" in asleep.text
    assert [attributes["title"] for attributes in asleep.all("span") if "title" in attributes] == []
    assert [attributes["title"] for attributes in trouble.all("span") if "title" in attributes] == ["page"]
    assert [attributes["title"] for attributes in everything.all("span") if "title" in attributes] == ["page", "sleep"]
    assert "ALARM, scales" in everything.text
    assert "?alarms=all" in asleep.addresses
    assert asleep.text.index("Last documents") < asleep.text.index("Alarms on its metrics")


def test_failed_documents_alone_are_shown_on_request(region: FakeRegion) -> None:
    remembered(region, "good-1")
    remembered(region, "bad-1", status="Failed")
    remembered(region, "late-1", status="Expired")
    everything, failed = page(region), page(region, outcome="failed")

    assert "?outcome=failed" in everything.addresses
    assert "the 2 failed and expired only" in everything.text
    assert all(name in everything.text for name in ("good-1", "bad-1", "late-1"))
    assert "good-1" not in failed.text
    assert "Last documents: 2 of 2" in failed.text
    assert "?" in failed.addresses


def test_instances_and_activities_are_on_the_page(tmp_path: Path) -> None:
    with fake_region(tmp_path, FakeInstance(), FakeInstance(ready=False)) as region:
        region.create("receipts")
        region.autoscaling.call("RegisterScalableTarget", {**TARGET, "MinCapacity": 2, "MaxCapacity": 3})
        region.clock.advance(MINUTE)
        region.autoscaling.tick()
        remembered(region, "expired", status="Expired", instance=None, seconds=None)
        text = page(region).text
        for part in (
            "in service",
            "starting",
            "desired (2 to 3)",
            "minimum capacity was set to 2",
            "not processed by an",
        ):
            assert part in text


def test_a_failed_endpoints_reason_is_on_its_page(tmp_path: Path) -> None:
    with fake_region(tmp_path, FakeInstance(failure=f"no memory {HOSTILE}")) as region:
        region.create("receipts")
        assert f"no memory {SHOWN}" in page(region).text


def test_every_row_has_a_cell_under_each_head(region: FakeRegion) -> None:
    filled(region)
    for path in ("/_local/", "/_local/endpoints/receipts"):
        read = page(region, path)
        heads = cells = 0
        for tag, attributes in [*read.elements, ("table", {})]:
            if tag in ("table", "tr"):
                assert cells in (0, heads), (path, tag)
                cells = 0
            if tag == "table":
                heads = 0
            heads += tag == "th"
            cells += int(attributes.get("colspan") or 1) if tag == "td" else 0


def test_what_users_send_is_text_wherever_it_is_shown(region: FakeRegion) -> None:
    region.endpoint("receipts").accept(request(1, inference_id=HOSTILE_ID, input_location=f"s3://inputs/{HOSTILE}"))
    region.autoscaling.put_alarm(alarm(HOSTILE, Dimensions=dimension("receipts")))
    region.autoscaling.put_alarm(alarm(f"{HOSTILE} other"))
    remembered(region, HOSTILE, output_location=HOSTILE, result=HOSTILE.encode())
    remembered(region, "json", result=json.dumps({HOSTILE: [HOSTILE, "\ud800"]}).encode())
    for read in (page(region, alarms="all"), page(region, "/_local/", alarms="all")):
        assert {tag for tag, _ in read.elements} <= TAGS
        assert not [name for _, attributes in read.elements for name in attributes if name.startswith("on")]
        assert SHOWN in read.text
    assert page(region, alarms="all").text.count(SHOWN) == 5  # key, alarm, result, id, output
    assert page(region).text.count('alert(\\"1\\")') == 2  # in the result that is JSON
    assert page(region).text.count(HOSTILE_ID) == 1


@pytest.mark.parametrize(
    "result",
    [b"[" * 2000, b"\xff\xfe\x00", b"NaN", b'{"a": "\\ud800"}', b"9" * 2000, b"", b'{"a": 1' + b" " * 3000],
    ids=["deep", "binary", "no number", "half a pair", "long number", "empty", "cut off"],
)
def test_a_result_of_any_kind_is_shown(region: FakeRegion, result: bytes) -> None:
    remembered(region, "strange", result=result)
    assert "strange" in page(region).text


def test_a_long_result_is_cut_and_the_page_says_where(region: FakeRegion) -> None:
    remembered(region, "long", result=b"a" * (RESULT_BYTES_KEPT + 1))
    assert "The first 2,048 of 2,049 bytes." in page(region).text


def test_ten_documents_are_shown_and_all_that_are_kept_on_request(region: FakeRegion) -> None:
    for number in range(DOCUMENTS_KEPT):
        remembered(region, f"id-{number}")
    few, every = page(region), page(region, documents="all")
    assert [len(read.all("pre")) for read in (few, every)] == [10, 50]
    assert "?documents=all" in few.addresses
    assert "id-49" in few.text
    assert "id-39" not in few.text


def test_the_charts_show_the_chosen_time_range(region: FakeRegion) -> None:
    region.clock.advance(5 * 3600)
    sampled(region.history, START + 60, waiting=5)
    assert len(page(region, span="120").all("g")) == 0
    assert len(page(region, span="360").all("g")) == 2  # one bar in two sizes
    assert len(page(region, span="nonsense").all("g")) == 0
