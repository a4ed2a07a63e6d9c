"""What was seen of the endpoint through all the other tests: written down, and told row by row of docs/evidence.md."""

import os
import time
from pathlib import Path

import pytest

from tests.aws.conftest import ROOT, Account, Ledger
from tests.aws.recorder import Recorder
from tests.conformance.findings import findings
from tests.conformance.recording import LOCAL_AWS, Recording

pytestmark = pytest.mark.aws

FOLDER = ROOT / "tests" / "conformance" / "recordings"
LOCAL = ROOT / "build"  # what the local AWS does is evidence of nothing
# The last datapoints of a metric are some minutes late.
LATE_SECONDS = 300.0


def test_the_cycle_is_recorded(account: Account, recorder: Recorder, ledger: Ledger) -> None:
    """Runs last, by its file's name: the endpoint has served, slept and been woken by then."""
    recorder.clock.sleep(LATE_SECONDS)
    recorder.end()
    recording = recorder.recording()
    name = time.strftime("aws-%Y-%m-%d-%H%M.json", time.gmtime())
    folder = FOLDER if recording.recorded_from != LOCAL_AWS else LOCAL
    path = Path(os.environ.get("ASYNC_ENDPOINT_RECORDING") or folder / name)
    path.parent.mkdir(exist_ok=True)
    recording.save(path)
    ledger.note("recording", str(path))
    for row, told in findings(recording):
        ledger.note(f"docs/evidence.md, {row}", told)
    assert Recording.load(path) == recording
    assert account.outputs["EndpointName"] not in path.read_text(encoding="utf-8")
    assert recorder.trouble == []
    counts = [count for _, count in recording.desired]
    if account.settings.scaling.enabled and not account.settings.scaling.min_instances:
        assert 0 in counts, "it never slept"
        assert max(counts[counts.index(0) :]) > 0, "it never woke"
        assert {state for *_, state in recording.alarm_states} >= {"ALARM", "OK"}
        assert {each["status"] for each in recording.activities} <= {"Successful", "InProgress"}
    seen = {series.name for series in recording.metrics if series.points}
    assert {"ApproximateBacklogSize", "HasBacklogWithoutCapacity", "InvocationsProcessed", "CPUUtilization"} <= seen
