"""What can go wrong with a model container; each message is one sentence.

ContainerError
├── MissingRequirement   this machine lacks something, and how to get it
├── ArchiveRefused       the model archive cannot be unpacked safely
├── ContainerFailed      the container never became ready, and why
├── ContainerTimeout     no answer within the time given
└── ContainerDied        the container ended, or closed the connection, before it answered
"""


class ContainerError(Exception):
    """Anything that keeps a container from serving."""


class MissingRequirement(ContainerError):  # noqa: N818 - reads as what is the matter
    """This machine lacks something that containers need; the message says how to get it."""


class ArchiveRefused(ContainerError):  # noqa: N818 - reads as what happened
    """The model archive is not a gzip'd tar file of plain files and folders."""


class ContainerFailed(ContainerError):  # noqa: N818 - reads as what happened
    """The container never became ready; the message carries the reason from its log."""


class ContainerTimeout(ContainerError):  # noqa: N818 - reads as what happened
    """The container did not answer in time."""


class ContainerDied(ContainerError):  # noqa: N818 - reads as what happened
    """The container ended, or closed the connection, before it answered."""
