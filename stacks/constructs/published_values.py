"""Values of the foundation for create-only properties of other stacks: docs/decisions/0008.

`Fn::GetStackOutput`, the form of all other references between stacks, is resolved while a change set is executed. Until
then its value is "known after apply", and a change set plans to replace each resource that has it in a create-only
property. A template parameter with a type of Systems Manager is resolved when the change set is created.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html
"""

from collections.abc import Mapping

from aws_cdk import aws_ssm as ssm
from constructs import Construct

OUTPUT_BUCKET = "output-bucket"
SUCCESS_TOPIC = "success-topic"
ERROR_TOPIC = "error-topic"
KEY = "key"
JOBS_STREAM = "jobs-stream"


class PublishedValues(Construct):
    """One Systems Manager parameter per value, under the stage's name; no value is a secret."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: str, values: Mapping[str, str]) -> None:
        super().__init__(scope, construct_id)
        self._prefix = f"/async-endpoint/{stage}/"
        self._names = tuple(values)
        for name, value in values.items():
            ssm.StringParameter(
                self,
                "".join(word.capitalize() for word in name.split("-")),
                # Named, because the templates of other stacks name it.
                parameter_name=self._prefix + name,
                string_value=value,
                description="Value of the foundation stack for the other stacks of an asynchronous endpoint",
            )

    def read(self, scope: Construct, name: str) -> str:
        """Returns the value as a token for another stack's template.

        Raises:
            ValueError: The value is not published.
        """
        value = self.find(scope, name)
        if value is None:
            raise ValueError(f"{name} is not published; published are {', '.join(self._names)}.")
        return value

    def find(self, scope: Construct, name: str) -> str | None:
        """Returns the value as `read` does, or None if it is not published."""
        if name not in self._names:
            return None
        return ssm.StringParameter.value_for_string_parameter(scope, self._prefix + name)
