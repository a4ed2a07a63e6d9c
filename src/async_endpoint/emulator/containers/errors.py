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


class MissingRequirement(ContainerError):
    """This machine lacks something that containers need; the message says how to get it."""


class ArchiveRefused(ContainerError):
    """The model archive is not a gzip'd tar file of plain files and folders."""


class ContainerFailed(ContainerError):
    """The container never became ready; the message carries the reason from its log."""


class ContainerTimeout(ContainerError):
    """The container did not answer in time."""


class ContainerDied(ContainerError):
    """The container ended, or closed the connection, before it answered."""
