"""Each package exports the public names of its modules, and no name twice."""

import importlib
import pkgutil
from types import ModuleType

import pytest

import async_endpoint.client
import async_endpoint.protocol


def public_of(package: ModuleType) -> set[str]:
    """Every class and function that a module of the package defines under a public name."""
    modules = [
        importlib.import_module(f"{package.__name__}.{found.name}") for found in pkgutil.iter_modules(package.__path__)
    ]
    return {
        name
        for module in modules
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    }


# Used by other modules of ours, but not by users of the client.
INSIDE_THE_CLIENT = {"ResultPoller", "Document", "find_existing", "bounded_map", "documents_in", "Item", "Output"}


@pytest.mark.parametrize(
    ("package", "inside"), [(async_endpoint.protocol, set()), (async_endpoint.client, INSIDE_THE_CLIENT)]
)
def test_every_public_name_is_exported(package: ModuleType, inside: set[str]) -> None:
    assert public_of(package) - set(package.__all__) == inside


@pytest.mark.parametrize("package", [async_endpoint.protocol, async_endpoint.client])
def test_every_exported_name_is_there_once(package: ModuleType) -> None:
    assert len(set(package.__all__)) == len(package.__all__)
    assert all(hasattr(package, name) for name in package.__all__)
