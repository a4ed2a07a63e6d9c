"""Checks before a deploy that the account has what the deploy needs. Each check has a status, a message and a fix."""

from async_endpoint.operations.preflight.assembly import Assembly, AssemblyError
from async_endpoint.operations.preflight.check import Check, Status
from async_endpoint.operations.preflight.runner import run

__all__ = ["Assembly", "AssemblyError", "Check", "Status", "run"]
