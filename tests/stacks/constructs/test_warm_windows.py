from typing import Any

import pytest

from tests.stacks.templates import TemplateWith, properties


@pytest.mark.parametrize("preset", ["aws", "responsive"])
def test_a_warm_window_opens_and_closes_in_its_own_time_zone(endpoint_with: TemplateWith, preset: str) -> None:
    window = {"name": "office", "days": "MON-FRI", "start": "08:05", "end": "19:00", "time_zone": "Asia/Tokyo"}
    template = endpoint_with(scaling__preset=preset, scaling__warm_windows=[window])
    actions: list[Any] = properties(template, "AWS::ApplicationAutoScaling::ScalableTarget")["ScheduledActions"]
    assert actions == [
        {
            "ScheduledActionName": f"office-{edge}",
            "Schedule": f"cron({time} ? * MON-FRI *)",
            "Timezone": "Asia/Tokyo",
            "ScalableTargetAction": {"MinCapacity": least, "MaxCapacity": 2},
        }
        for edge, time, least in (("start", "5 8", 1), ("end", "0 19", 0))
    ]
