"""One region's services, as the handlers of requests and templates and the console see them."""

from typing import Protocol

from async_endpoint.clock import ScaledClock
from async_endpoint.emulator.api.autoscaling_service import ApplicationAutoScaling
from async_endpoint.emulator.clients import AwsClients
from async_endpoint.emulator.hosting.history import History
from async_endpoint.emulator.sagemaker.control_plane import ControlPlane


class RegionServices(Protocol):
    """The services of one region, and its clock, clients and history; `region.Region` is the implementation."""

    @property
    def account(self) -> str:
        """The account's number."""

    @property
    def name(self) -> str:
        """The region's name."""

    @property
    def clock(self) -> ScaledClock:
        """AWS's clock."""

    @property
    def clients(self) -> AwsClients:
        """Clients of the region's other services."""

    @property
    def history(self) -> History:
        """What the region's endpoints processed."""

    @property
    def sagemaker(self) -> ControlPlane:
        """SageMaker."""

    @property
    def autoscaling(self) -> ApplicationAutoScaling:
        """Application Auto Scaling."""
