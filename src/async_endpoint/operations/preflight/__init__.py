"""What would stop a deploy, found before it starts: each check is a status, a sentence and what mends it."""

from async_endpoint.operations.preflight.assembly import Assembly, AssemblyError
from async_endpoint.operations.preflight.check import Check, Status
from async_endpoint.operations.preflight.clients import Clients
from async_endpoint.operations.preflight.runner import run
from async_endpoint.operations.cdk import SynthesisError, synthesised

__all__ = ["Assembly", "AssemblyError", "Check", "Clients", "Status", "SynthesisError", "run", "synthesised"]
