"""The scheduled actions that keep instances running in warm windows."""

from aws_cdk import aws_applicationautoscaling as scaling

from stacks.settings.scaling import ScalingSettings
from stacks.settings.warm_window import WarmWindow


def scheduled_actions(settings: ScalingSettings) -> list[scaling.CfnScalableTarget.ScheduledActionProperty]:
    """Returns two actions per window: one raises the minimum of instances, one lowers it again."""
    return [
        _action(window, edge, time, minimum=minimum, maximum=settings.max_instances)
        for window in settings.warm_windows
        for edge, time, minimum in (
            ("start", window.start, window.min_instances),
            ("end", window.end, settings.min_instances),
        )
    ]


def _action(
    window: WarmWindow, edge: str, time: str, *, minimum: int, maximum: int
) -> scaling.CfnScalableTarget.ScheduledActionProperty:
    hour, minute = map(int, time.split(":"))
    target = scaling.CfnScalableTarget
    return target.ScheduledActionProperty(
        scheduled_action_name=f"{window.name}-{edge}",
        schedule=f"cron({minute} {hour} ? * {window.days} *)",
        timezone=window.time_zone,  # with daylight saving time
        scalable_target_action=target.ScalableTargetActionProperty(min_capacity=minimum, max_capacity=maximum),
    )
