"""The endpoints' instance counts, for Application Auto Scaling to read and set."""

from collections.abc import Callable

from async_endpoint.autoscaling.errors import CapacityError
from async_endpoint.autoscaling.targets import TargetKey
from async_endpoint.emulator.errors import AwsError
from async_endpoint.emulator.hosting.deployment import Deployment
from async_endpoint.emulator.hosting.endpoint import HostedEndpoint


class VariantCapacities:
    """The CapacityPort of a region's endpoints.

    Args:
        find: Returns the endpoint of a name, None where there is none.
    """

    def __init__(self, find: Callable[[str], HostedEndpoint | None]) -> None:
        self._find = find

    def desired(self, resource_id: str) -> int:
        """Returns the desired instance count."""
        return self._deployment(resource_id).fleet.desired

    def set_desired(self, resource_id: str, capacity: int) -> None:
        """Asks for an instance count."""
        try:
            self._endpoint(resource_id).set_capacity(capacity)
        except AwsError as error:
            raise CapacityError(error.message) from error

    def is_updating(self, resource_id: str) -> bool:
        """Returns whether the endpoint is in a transition of any kind, or its instances come back after a stop."""
        return self._endpoint(resource_id).is_changing

    def running(self, resource_id: str) -> int:
        """Returns the number of instances whose model serves."""
        return self._deployment(resource_id).fleet.running

    def failure(self, resource_id: str) -> str | None:
        """Returns why the endpoint's last transition or one of its instances failed; None when all went well."""
        return self._endpoint(resource_id).failure_reason or self._deployment(resource_id).fleet.failure

    def _deployment(self, resource_id: str) -> Deployment:
        deployment = self._endpoint(resource_id).deployment
        if deployment is None:
            raise CapacityError(f"{resource_id} is not in service.")
        if not resource_id.endswith(f"/variant/{deployment.variant['VariantName']}"):
            raise CapacityError(f"SageMaker resource {resource_id} does not exist.")
        return deployment

    def _endpoint(self, resource_id: str) -> HostedEndpoint:
        key = TargetKey.from_resource_id(resource_id)
        endpoint = None if key is None else self._find(key.endpoint)
        if endpoint is None:
            raise CapacityError(f"SageMaker resource {resource_id} does not exist.")
        return endpoint
