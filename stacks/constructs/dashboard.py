"""The dashboard of a stage."""

from collections.abc import Iterator, Mapping, Sequence

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs import endpoint_metrics as names
from stacks.constructs.endpoint_metrics import EndpointMetrics
from stacks.constructs.queue_worker import QueueWorker

_WIDTH = 12
_HEIGHT = 6


class Dashboard(Construct):
    """A dashboard with the endpoint's metrics, the workers' dead-letter queues, and links to every log."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        metrics: EndpointMetrics,
        endpoint_log_group: str,
        workers: Mapping[str, QueueWorker],
        more_dead_letters: Mapping[str, sqs.IQueue],
    ) -> None:
        super().__init__(scope, construct_id)
        self._region = Stack.of(self).region
        self._metrics = metrics
        self.resource = cloudwatch.Dashboard(self, "Resource", default_interval=Duration.hours(12))
        self.resource.add_widgets(*self._queue_graphs())
        self.resource.add_widgets(*self._work_graphs())
        self.resource.add_widgets(*self._time_graphs())
        self.resource.add_widgets(
            *self._error_graphs(
                {name: worker.dead_letters for name, worker in workers.items()} | dict(more_dead_letters)
            )
        )
        groups = {"Endpoint": endpoint_log_group} | {
            name: worker.log_group.log_group_name for name, worker in workers.items()
        }
        self.resource.add_widgets(cloudwatch.TextWidget(markdown=self._log_links(groups), width=2 * _WIDTH, height=2))
        CfnOutput(
            self,
            "DashboardUrl",
            value=f"{self._console}#dashboards:name={self.resource.dashboard_name}",
            description="Backlog, instances, outcomes and errors on one page",
        ).override_logical_id("DashboardUrl")

    def _queue_graphs(self) -> Iterator[cloudwatch.GraphWidget]:
        queue = self._metrics.queue
        yield _graph("Backlog", [queue(names.BACKLOG, "Maximum", label="Requests")])
        yield _graph("Age of the oldest request", [queue(names.OLDEST, "Maximum", label="Seconds")])

    def _work_graphs(self) -> Iterator[cloudwatch.GraphWidget]:
        variant = self._metrics.variant
        yield _graph("Instances", [self._metrics.running()])
        yield _graph(
            "Outcomes",
            [
                variant(names.PROCESSED, "Sum", label="Processed"),
                variant(names.FAILED, "Sum", label="Failed"),
                variant(names.EXPIRED, "Sum", label="Expired"),
            ],
        )

    def _time_graphs(self) -> Iterator[cloudwatch.GraphWidget]:
        variant = self._metrics.variant
        yield _graph(
            "Milliseconds in the backlog and in total",
            [
                variant(names.TIME_IN_BACKLOG, "Average", label="In backlog"),
                variant(names.PROCESSING_TIME, "Average", label="In total"),
            ],
        )
        yield _graph(
            "Model latency (microseconds)",
            [
                variant(names.MODEL_LATENCY, "p50", label="Median"),
                variant(names.MODEL_LATENCY, "p95", label="95 of 100"),
            ],
        )

    def _error_graphs(self, dead_letters: Mapping[str, sqs.IQueue]) -> Iterator[cloudwatch.GraphWidget]:
        variant = self._metrics.variant
        yield _graph(
            "Responses with errors",
            [
                variant(names.ERRORS_4XX, "Sum", label="4xx: the document's"),
                variant(names.ERRORS_5XX, "Sum", label="5xx: the model's"),
            ],
        )
        yield _graph(
            "Dead-lettered messages",
            [
                queue.metric_approximate_number_of_messages_visible(
                    statistic="Maximum", period=Duration.minutes(1), label=name
                )
                for name, queue in dead_letters.items()
            ],
        )

    @property
    def _console(self) -> str:
        return f"https://{self._region}.console.aws.amazon.com/cloudwatch/home?region={self._region}"

    def _log_links(self, groups: Mapping[str, str]) -> str:
        # The console expects the slashes of a group's name escaped twice, with $25 for the percent sign.
        return "Logs: " + " · ".join(
            f"[{name}]({self._console}#logsV2:log-groups/log-group/{group.replace('/', '$252F')})"
            for name, group in groups.items()
        )


def _graph(title: str, metrics: Sequence[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title,
        left=list(metrics),
        left_y_axis=cloudwatch.YAxisProps(min=0, show_units=False),
        width=_WIDTH,
        height=_HEIGHT,
    )
