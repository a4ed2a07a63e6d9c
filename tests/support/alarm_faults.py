"""What raises the alarms of a deployed stage, by plain calls of boto3; whoever breaks a thing mends it again."""

from datetime import UTC, datetime, timedelta
from typing import Any

from async_endpoint.protocol import utc_timestamp
from tests.support.why_stage import Deployed, client, jobs_table

NOWHERE = "arn:aws:lambda:{region}:000000000000:function:nowhere"


class Function:
    """A function of the stage."""

    def __init__(self, deployed: Deployed, kind: str) -> None:
        self.name = deployed.named(f"{kind}Function")
        self._variables: dict[str, str] = client("lambda").get_function_configuration(FunctionName=self.name)[
            "Environment"
        ]["Variables"]

    def lose_its_table(self) -> None:
        """Takes the name of the jobs table from its environment: it cannot start any more."""
        self.configure(**{name: value for name, value in self._variables.items() if name != "JOBS_TABLE"})

    def vary(self, **variables: str) -> None:
        """Gives it some other variables."""
        self.configure(**self._variables | variables)

    def restore(self) -> None:
        """Gives it its variables as deployed."""
        self.configure(**self._variables)

    def configure(self, **variables: str) -> None:
        client("lambda").update_function_configuration(FunctionName=self.name, Environment={"Variables": variables})

    def feed(self, *, on: bool) -> None:
        """Enables or disables all its event source mappings."""
        functions = client("lambda")
        for each in functions.list_event_source_mappings(FunctionName=self.name)["EventSourceMappings"]:
            functions.update_event_source_mapping(UUID=each["UUID"], Enabled=on)


class Schedule:
    """A rule of the stage that invokes a function."""

    def __init__(self, deployed: Deployed, kind: str) -> None:
        self.name = deployed.named(f"{kind}Schedule")
        (self._target,) = client("events").list_targets_by_rule(Rule=self.name)["Targets"]

    def lead_nowhere(self) -> None:
        """Lets it invoke a function that does not exist."""
        region = client("events").meta.region_name
        self._put(self._target | {"Arn": NOWHERE.format(region=region)})

    def restore(self) -> None:
        """Lets it invoke its function, as deployed."""
        self._put(self._target)

    def _put(self, target: dict[str, Any]) -> None:
        client("events").put_targets(Rule=self.name, Targets=[target])


class Retries:
    """How soon a message of the functions' queues is delivered again."""

    def __init__(self, deployed: Deployed) -> None:
        self._urls = [deployed.outputs[f"{queue}QueueUrl"] for queue in ("Intake", "Urgent", "Results")]
        attributes = client("sqs").get_queue_attributes(QueueUrl=self._urls[0], AttributeNames=["VisibilityTimeout"])
        self._deployed: str = attributes["Attributes"]["VisibilityTimeout"]

    def hurry(self) -> None:
        """Lets tries of a message follow each other at once; as deployed they are minutes apart."""
        self._set("1")

    def restore(self) -> None:
        """Sets it as deployed: a function that works may take longer than a second."""
        self._set(self._deployed)

    def _set(self, seconds: str) -> None:
        for url in self._urls:
            client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": seconds})


def backdate(deployed: Deployed, job_id: str, age: timedelta) -> None:
    """Lets a job have been SUBMITTED for long: jobs have the wall's clock, which does not run faster."""
    then = utc_timestamp(datetime.now(UTC) - age)
    jobs_table(deployed.outputs["JobsTableName"]).update_item(
        Key={"job_id": job_id},
        UpdateExpression="SET submitted_at = :then, updated_at = :then",
        ExpressionAttributeValues={":then": then},
    )
