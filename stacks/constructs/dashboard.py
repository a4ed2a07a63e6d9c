"""One page for a stage: what waits, what runs, what came out, what went wrong."""

from collections.abc import Mapping, Sequence

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from stacks.constructs import endpoint_metrics as names
from stacks.constructs.endpoint_metrics import EndpointMetrics
from stacks.constructs.queue_worker import QueueWorker

_WIDTH = 12
_HEIGHT = 6


class Dashboard(Construct):
    """A dashboard of the endpoint's metrics, the workers' queues, and links to every log."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        metrics: EndpointMetrics,
        endpoint_log_group: str,
        workers: Mapping[str, QueueWorker],
    ) -> None:
        super().__init__(scope, construct_id)
        self._region = Stack.of(self).region
        self.resource = cloudwatch.Dashboard(self, "Resource", default_interval=Duration.hours(12))
        self.resource.add_widgets(
            self._graph("Backlog", [metrics.queue(names.BACKLOG, "Maximum", label="Requests")]),
            self._graph("Age of the oldest request", [metrics.queue(names.OLDEST, "Maximum", label="Seconds")]),
        )
        self.resource.add_widgets(
            self._graph("Instances", [metrics.running()]),
            self._graph(
                "Ends",
                [
                    metrics.variant(names.PROCESSED, "Sum", label="Processed"),
                    metrics.variant(names.FAILED, "Sum", label="Failed"),
                    metrics.variant(names.EXPIRED, "Sum", label="Expired"),
                ],
            ),
        )
        self.resource.add_widgets(
            self._graph(
                "Milliseconds in the backlog and in all",
                [
                    metrics.variant(names.TIME_IN_BACKLOG, "Average", label="In backlog"),
                    metrics.variant(names.PROCESSING_TIME, "Average", label="In all"),
                ],
            ),
            self._graph(
                "Model latency (microseconds)",
                [
                    metrics.variant(names.MODEL_LATENCY, "p50", label="Median"),
                    metrics.variant(names.MODEL_LATENCY, "p95", label="95 of 100"),
                ],
            ),
        )
        self.resource.add_widgets(
            self._graph(
                "Answers with errors",
                [
                    metrics.variant(names.ERRORS_4XX, "Sum", label="4xx: the document's"),
                    metrics.variant(names.ERRORS_5XX, "Sum", label="5xx: the model's"),
                ],
            ),
            self._graph(
                "Messages kept aside",
                [
                    worker.dead_letters.metric_approximate_number_of_messages_visible(
                        statistic="Maximum", period=Duration.minutes(1), label=name
                    )
                    for name, worker in workers.items()
                ],
            ),
        )
        groups = {"Endpoint": endpoint_log_group} | {
            name: worker.log_group.log_group_name for name, worker in workers.items()
        }
        self.resource.add_widgets(cloudwatch.TextWidget(markdown=self._log_links(groups), width=2 * _WIDTH, height=2))
        CfnOutput(
            self,
            "DashboardUrl",
            value=f"{self._console}#dashboards:name={self.resource.dashboard_name}",
            description="Backlog, instances, ends and errors on one page",
        ).override_logical_id("DashboardUrl")

    @property
    def _console(self) -> str:
        return f"https://{self._region}.console.aws.amazon.com/cloudwatch/home?region={self._region}"

    @staticmethod
    def _graph(title: str, metrics: Sequence[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
        return cloudwatch.GraphWidget(
            title=title,
            left=list(metrics),
            left_y_axis=cloudwatch.YAxisProps(min=0, show_units=False),
            width=_WIDTH,
            height=_HEIGHT,
        )

    def _log_links(self, groups: Mapping[str, str]) -> str:
        # The console wants a slash of a group's name escaped twice, with $25 for the percent sign.
        return "Logs: " + " · ".join(
            f"[{name}]({self._console}#logsV2:log-groups/log-group/{group.replace('/', '$252F')})"
            for name, group in groups.items()
        )
