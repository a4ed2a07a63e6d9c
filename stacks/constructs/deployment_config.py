"""How an update of the endpoint moves traffic, and what rolls it back.

https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html
"""

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sagemaker as sagemaker

from stacks.settings.updates import ALL_AT_ONCE, CANARY, ROLLING, UpdateSettings


def deployment_config(
    settings: UpdateSettings, rollback_alarms: Sequence[cloudwatch.IAlarm]
) -> sagemaker.CfnEndpoint.DeploymentConfigProperty:
    """Returns the endpoint's deployment configuration; a blue/green update unless the strategy is rolling."""
    endpoint = sagemaker.CfnEndpoint
    if settings.strategy == ROLLING:
        return endpoint.DeploymentConfigProperty(
            auto_rollback_configuration=_auto_rollback(rollback_alarms),
            rolling_update_policy=endpoint.RollingUpdatePolicyProperty(
                maximum_batch_size=_step(settings),
                wait_interval_in_seconds=settings.wait_seconds,
                maximum_execution_timeout_in_seconds=settings.maximum_execution_seconds,
            ),
        )
    return endpoint.DeploymentConfigProperty(
        auto_rollback_configuration=_auto_rollback(rollback_alarms),
        blue_green_update_policy=endpoint.BlueGreenUpdatePolicyProperty(
            traffic_routing_configuration=_routing(settings),
            termination_wait_in_seconds=settings.termination_wait_seconds,
            # The default is not documented; CloudFormation waits as long as this for a stuck update.
            maximum_execution_timeout_in_seconds=settings.maximum_execution_seconds,
        ),
    )


def _routing(settings: UpdateSettings) -> sagemaker.CfnEndpoint.TrafficRoutingConfigProperty:
    routing = sagemaker.CfnEndpoint.TrafficRoutingConfigProperty
    if settings.strategy == ALL_AT_ONCE:
        # The API requires the wait, though there are no steps to wait between.
        return routing(type="ALL_AT_ONCE", wait_interval_in_seconds=0)
    if settings.strategy == CANARY:
        return routing(type="CANARY", canary_size=_step(settings), wait_interval_in_seconds=settings.wait_seconds)
    return routing(type="LINEAR", linear_step_size=_step(settings), wait_interval_in_seconds=settings.wait_seconds)


def _step(settings: UpdateSettings) -> sagemaker.CfnEndpoint.CapacitySizeProperty:
    return sagemaker.CfnEndpoint.CapacitySizeProperty(type="CAPACITY_PERCENT", value=settings.step_percent)


def _auto_rollback(alarms: Sequence[cloudwatch.IAlarm]) -> sagemaker.CfnEndpoint.AutoRollbackConfigProperty | None:
    endpoint = sagemaker.CfnEndpoint
    if not alarms:
        return None
    return endpoint.AutoRollbackConfigProperty(
        alarms=[endpoint.AlarmProperty(alarm_name=alarm.alarm_name) for alarm in alarms]
    )
