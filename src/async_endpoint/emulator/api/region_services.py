"""One region's added services, as what answers requests and templates sees them."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from async_endpoint.emulator.api.application_autoscaling import ApplicationAutoScaling
    from async_endpoint.emulator.sagemaker.control_plane import ControlPlane


class Services(Protocol):
    """`region.Region` is one; tests make theirs of fewer parts."""

    @property
    def account(self) -> str:
        """The account's number."""

    @property
    def name(self) -> str:
        """The region's name."""

    @property
    def sagemaker(self) -> "ControlPlane":
        """SageMaker."""

    @property
    def autoscaling(self) -> "ApplicationAutoScaling":
        """Application Auto Scaling."""
