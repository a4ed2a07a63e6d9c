"""The errors of model containers; each message is one sentence.

ContainerError
├── MissingRequirement   this machine lacks a requirement; how to get it
├── ArchiveRejected      the model archive cannot be unpacked safely
├── ContainerFailed      the container never became ready, and why
├── ContainerTimeout     no response within the given time
└── ContainerDied        the container ended, or closed the connection, before it responded
"""


class ContainerError(Exception):
    """Anything that keeps a container from serving."""


class MissingRequirement(ContainerError):
    """This machine lacks a requirement of containers; the message says how to get it."""


class ArchiveRejected(ContainerError):
    """The model archive is not a gzip'd tar file of plain files and folders."""


class ContainerFailed(ContainerError):
    """The container never became ready; the message carries the reason from its log."""


class ContainerTimeout(ContainerError):
    """The container did not respond in time."""


class ContainerDied(ContainerError):
    """The container ended, or closed the connection, before it responded."""
