"""Values of the foundation that create-only properties of other stacks take: docs/decisions/0008.

`Fn::GetStackOutput`, which the other references between stacks are, is resolved while a change set is executed. Until
then its value is "known after apply", and a change set plans the replacement of each resource that has it in a
create-only property. A template parameter of a type of Systems Manager is resolved when the change set is made.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html
"""

from collections.abc import Mapping

from aws_cdk import aws_ssm as ssm
from constructs import Construct

OUTPUT_BUCKET = "output-bucket"
SUCCESS_TOPIC = "success-topic"
ERROR_TOPIC = "error-topic"
KEY = "key"


class PublishedValues(Construct):
    """A parameter of Systems Manager for each value, under the stage's name; none of them is a secret."""

    def __init__(self, scope: Construct, construct_id: str, *, stage: str, values: Mapping[str, str]) -> None:
        super().__init__(scope, construct_id)
        self._prefix = f"/async-endpoint/{stage}/"
        self._names = tuple(values)
        for name, value in values.items():
            ssm.StringParameter(
                self,
                "".join(word.capitalize() for word in name.split("-")),
                # Named, because its readers' templates name it.
                parameter_name=self._prefix + name,
                string_value=value,
                description="What an asynchronous endpoint's stacks take from its foundation",
            )

    def read(self, scope: Construct, name: str) -> str:
        """The value, in another stack's template.

        Raises:
            ValueError: For a name that was not published.
        """
        if name not in self._names:
            raise ValueError(f"{name} is not published; there are {', '.join(self._names)}.")
        return ssm.StringParameter.value_for_string_parameter(scope, self._prefix + name)
