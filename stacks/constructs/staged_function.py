"""A Lambda function of this repository, with its role, its permissions and its log group."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.lambda_code import staged
from stacks.rules import suppress
from stacks.settings.workflow import WorkflowSettings

# AWS's public layer. Its version numbers are the same for all Pythons and processors, and public projects pair the 36th
# with Powertools 3.31.1, which the local AWS runs; `aws lambda get-layer-version-by-arn` shows the pair.
_POWERTOOLS = "arn:aws:lambda:{region}:017000801446:layer:AWSLambdaPowertoolsPythonV3-python314-x86_64:36"
_MANAGED_ELSEWHERE = 'encryption is "aws-managed" for this stage: {} with keys of its own.'
_OUTSIDE_OF_VPC = (
    "It talks to AWS's own services over TLS with its role's credentials; a VPC adds endpoints to pay and no boundary."
)


@dataclass(frozen=True, kw_only=True)
class SuppressionReasons:
    """Why two findings that every function has are suppressed for this one.

    Attributes:
        not_reserved: Why no concurrency is reserved.
        no_dead_letters: Why the function itself has no dead-letter queue.
    """

    not_reserved: str
    no_dead_letters: str


@dataclass(frozen=True, kw_only=True)
class FunctionSpec:
    """A function of this repository.

    Attributes:
        name: Its folder in `lambda/`.
        description: What it does.
        belongings: The resources of its permissions, for the policy's description.
        sources: The repository.
        environment: Its variables, besides those of Powertools.
        grants: Adds its permissions to its policy.
        settings: Of the workflow.
        key: Encrypts logs and environment; None leaves that to keys of AWS.
    """

    name: str
    description: str
    belongings: str
    sources: Path
    environment: Mapping[str, str]
    grants: Callable[[iam.ManagedPolicy], None]
    settings: WorkflowSettings
    key: kms.IKey | None


class StagedFunction(Construct):
    """A function, its role, its permissions and its log group. Subclasses invoke it."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        spec: FunctionSpec,
        *,
        reasons: SuppressionReasons,
        timeout_seconds: int | None = None,
        memory_mb: int | None = None,
    ) -> None:
        """Creates it; timeout and memory are those of the settings, if none are given."""
        super().__init__(scope, construct_id)
        self._spec = spec
        self.log_group = self._log_group()
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"Role of function {spec.name}",
        )
        self.policy = self._policy()
        self.function = self._function(
            timeout_seconds or spec.settings.timeout_seconds, memory_mb or spec.settings.memory_mb
        )
        self._suppress_findings(self.function, reasons)

    def _log_group(self) -> logs.LogGroup:
        # A group that Lambda creates by itself would never expire.
        group = logs.LogGroup(self, "Logs", removal_policy=RemovalPolicy.DESTROY, encryption_key=self._spec.key)
        # The settings have days; the construct takes only members of an enum.
        cast("logs.CfnLogGroup", group.node.default_child).retention_in_days = self._spec.settings.log_retention_days
        if not self._spec.key:
            suppress(group, {"CKV_AWS_158": _MANAGED_ELSEWHERE.format("CloudWatch Logs encrypts every group")})
        return group

    def _policy(self) -> iam.ManagedPolicy:
        """Creates the role's only policy; AWS's managed one would allow writing to every log group."""
        policy = iam.ManagedPolicy(
            self,
            "Permissions",
            description=f"What function {self._spec.name} may do with {self._spec.belongings}",
            roles=[self.role],
        )
        self._spec.grants(policy)
        self.log_group.grant_write(policy)
        return policy

    def _function(self, timeout_seconds: int, memory_mb: int) -> lambda_.Function:
        spec = self._spec
        layer = _POWERTOOLS.format(region=Stack.of(self).region)
        with staged(spec.name, sources=spec.sources) as folder:
            return lambda_.Function(
                self,
                "Function",
                description=spec.description,
                runtime=lambda_.Runtime.PYTHON_3_14,
                architecture=lambda_.Architecture.X86_64,
                handler=f"{spec.name}.handler.handler",
                code=lambda_.Code.from_asset(str(folder)),
                layers=[lambda_.LayerVersion.from_layer_version_arn(self, "Powertools", layer)],
                environment_encryption=spec.key,
                environment={"POWERTOOLS_SERVICE_NAME": spec.name, "POWERTOOLS_LOG_LEVEL": "INFO", **spec.environment},
                timeout=Duration.seconds(timeout_seconds),
                memory_size=memory_mb,
                role=self.role,
                log_group=self.log_group,
            )

    def _suppress_findings(self, function: lambda_.Function, reasons: SuppressionReasons) -> None:
        suppress(
            function,
            {
                "CKV_AWS_115": reasons.not_reserved,
                "NIST.800.53.R5-LambdaConcurrency": reasons.not_reserved,
                "CKV_AWS_116": reasons.no_dead_letters,
                "NIST.800.53.R5-LambdaDLQ": reasons.no_dead_letters,
                "CKV_AWS_117": _OUTSIDE_OF_VPC,
                "NIST.800.53.R5-LambdaInsideVPC": _OUTSIDE_OF_VPC,
                # The CDK writes DependsOn for a role that the function refers to anyway.
                "W3005": "",
            },
        )
        if not self._spec.key:
            suppress(
                function,
                {"CKV_AWS_173": _MANAGED_ELSEWHERE.format("Lambda encrypts the environment, which holds no secret,")},
            )
