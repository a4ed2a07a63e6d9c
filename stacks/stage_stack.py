"""What the stacks of a stage have in common."""

from collections.abc import Mapping

from aws_cdk import CfnOutput, Environment, Stack
from constructs import Construct

from stacks.settings.stage import StageSettings


class StageStack(Stack):
    """A stack of one stage: name, account, region, termination protection and tags come from the stage's settings."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: StageSettings, description: str) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=f"async-endpoint-{settings.stage}-{construct_id.lower()}",
            description=f"Asynchronous endpoint: {description}",
            env=Environment(account=settings.account, region=settings.region),
            termination_protection=settings.termination_protection,
            tags=dict(settings.tags),
        )

    def _add_outputs(self, outputs: Mapping[str, tuple[str, str]]) -> None:
        """Adds outputs of the stack: id → value and description."""
        for output_id, (value, description) in outputs.items():
            CfnOutput(self, output_id, value=value, description=description)
