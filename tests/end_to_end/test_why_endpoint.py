"""`async-endpoint why` on an endpoint that is gone, has failed, or does not get its instances."""

import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from async_endpoint.emulator.api.service_quotas import GENEROUS, set_quota
from tests.end_to_end.conftest import Stage, wait_for
from tests.support import why_deploy_faults, why_faults, why_scaling_faults
from tests.support.why_command import Named, causes, wait_until_quiet
from tests.support.why_stage import INSTANCE_TYPE, Deployed, client, settle

pytestmark = [pytest.mark.end_to_end, pytest.mark.serving]

Receipts = list[tuple[bytes, dict[str, str]]]
STALLED_SECONDS = 1800  # as long as SageMaker was seen to wait; `why` says that it hangs after 25 minutes


@pytest.fixture(scope="module")
def stage(stage_to_break: Stage) -> Iterator[Stage]:
    with stage_to_break.in_environment():
        yield stage_to_break


def delete_endpoint(deployed: Deployed) -> None:
    sagemaker = client("sagemaker")
    sagemaker.delete_endpoint(EndpointName=deployed.endpoint)
    wait_for(lambda: status_of(deployed) is None or None, 30, "the end of the endpoint")


def create_endpoint(deployed: Deployed) -> str | None:
    """Creates the endpoint with the deployed configuration; returns the status at the end."""
    client("sagemaker").create_endpoint(EndpointName=deployed.endpoint, EndpointConfigName=deployed.config)
    wait_for(lambda: status_of(deployed) != "Creating" or None, 60, "the end of the creation")
    return status_of(deployed)


def status_of(deployed: Deployed) -> str | None:
    found = client("sagemaker").list_endpoints(NameContains=deployed.endpoint)["Endpoints"]
    return next((each["EndpointStatus"] for each in found if each["EndpointName"] == deployed.endpoint), None)


def test_an_endpoint_that_is_gone_or_has_failed_is_named(stage: Stage, deployed: Deployed, named: Named) -> None:
    with why_scaling_faults.deregistered_target(deployed):  # a deleted endpoint takes its scalable target along
        delete_endpoint(deployed)
        named("endpoint-missing", "the endpoint is deleted")
        stage.local.faults.add("no-capacity")
        assert create_endpoint(deployed) == "Failed"
        stage.local.faults.clear(seed=0)
        assert "InsufficientInstanceCapacity" in named("no-capacity", "a new endpoint finds no capacity")
        delete_endpoint(deployed)
        with why_faults.damaged_archive(deployed):
            assert create_endpoint(deployed) == "Failed"
            evidence = named("endpoint-failed", "the container of a new endpoint fails")
            assert "did not pass the ping health check" in evidence
        delete_endpoint(deployed)
        assert create_endpoint(deployed) == "InService"
    wait_until_quiet()


def test_jobs_that_the_reconciler_cannot_finish_are_named(stage: Stage, deployed: Deployed, named: Named) -> None:
    stage.local.faults.add("error", service="s3", operation="HeadObject")
    try:
        with why_faults.job_that_stays_submitted(deployed):
            evidence = named("reconciler-overdue", "the reconciler cannot look for outcomes")
            assert re.match(r"The oldest job has been SUBMITTED for [89] hours;", evidence)
    finally:
        stage.local.faults.clear(seed=0)
    wait_until_quiet()


def test_without_instances_the_last_attempt_says_why(
    stage: Stage, deployed: Deployed, receipts: Receipts, named: Named
) -> None:
    stage.deployment.scale_to_zero(stage.local)
    location = stage.put(receipts[0][0], "why/without-capacity.jpg")
    try:
        with why_scaling_faults.wake_alarm_that_never_fires(deployed):
            invoked = stage.invoke(location, ContentType="image/jpeg")
            named("not-waking", "the wake alarm's threshold is changed", within=30)
            set_quota(stage.local.endpoint_url, INSTANCE_TYPE, 0)
        assert f"'{INSTANCE_TYPE} for endpoint usage' is 0" in named("quota", "the quota is 0", within=30)
        with ExitStack() as undone:
            undone.enter_context(why_faults.damaged_archive(deployed))
            set_quota(stage.local.endpoint_url, INSTANCE_TYPE, GENEROUS)
            evidence = named("scaling-failed", "the container of a new instance fails", within=30)
            assert "is not a complete gzip'd tar file" in evidence
            stage.local.faults.add("no-capacity")
            named("no-capacity", "there is no capacity", within=30)
        stage.local.faults.clear(seed=0)
        stage.local.faults.add("stalled-capacity", seconds=STALLED_SECONDS)
        wait_for(lambda: status_of(deployed) == "Updating" or None, 30, "a change that hangs")
        check_a_stage_that_loses_its_data()  # meanwhile
        assert " with 0 of 1 instance." in named("endpoint-stuck", "an update hangs for want of capacity", within=40)
    finally:
        set_quota(stage.local.endpoint_url, INSTANCE_TYPE, GENEROUS)
        stage.local.faults.clear(seed=0)
    assert stage.outcome(invoked)[0] == "output"
    settle(deployed)
    wait_until_quiet()


def check_a_stage_that_loses_its_data() -> None:
    """What is lost stops more than what was lost before, so it is named first."""
    with why_deploy_faults.stage_of_data_alone("lost") as outputs:
        assert causes("lost") == ["endpoint-missing"]
        client("s3").delete_bucket(Bucket=outputs["OutputBucketName"])
        assert causes("lost")[0] == "bucket-missing"
        client("dynamodb").delete_table(TableName=outputs["JobsTableName"])
        assert causes("lost") == ["table-deleted", "bucket-missing", "endpoint-missing"]
