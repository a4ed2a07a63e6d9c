"""Each package exports the public names of its modules, and no name twice."""

import ast
import importlib
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import async_endpoint.autoscaling
import async_endpoint.client
import async_endpoint.cloudwatch
import async_endpoint.protocol

SOURCE = Path(async_endpoint.protocol.__file__).parents[1]
PURE = (async_endpoint.cloudwatch, async_endpoint.autoscaling)  # on the standard library alone, the clock passed in


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


# Of images and archives: imported from their modules, so that a function does not load them with the package.
INSIDE_THE_PROTOCOL = {"Cuda", "ModelServer", "PackedFor", "PackedForError", "ServingImage", "image_of", "tagged"}
# Of the merge, used by records and their writer alone.
INSIDE_THE_PROTOCOL |= {"deciding_attempt", "is_attempt_id", "merge_attempts", "preferred"}
# How a response or an error is read, for other modules of ours.
INSIDE_THE_PROTOCOL |= {"has_body_length", "service_error"}
# Used by other modules of ours, but not by users of the client.
INSIDE_THE_CLIENT = {"ResultPoller", "Document", "find_existing", "bounded_map", "Item", "Output"}
# The parts of a run and of its ticket.
INSIDE_THE_CLIENT |= {"RunEngine", "RunSubmitter", "RunOutput", "Doubts", "LineFacts", "Entry", "StoredRun"}
INSIDE_THE_CLIENT |= {"count_states", "line_facts", "line_of", "open_database", "queued_line", "read_settings"}
INSIDE_THE_CLIENT |= {"LineWriter", "NoOutput", "acceptance_of", "documents_now", "newest"}
INSIDE_THE_CLIENT |= {"newest_unfinished", "prune", "read_run", "remove_files", "stored_runs", "ticket_folder"}
INSIDE_THE_CLIENT |= {"fill", "insert", "is_watch_of", "newest_watch", "readable"}
INSIDE_THE_CLIENT |= {"result_stem", "ticket_path"}
INSIDE_THE_CLIENT |= {
    "GroupCommit",
    "Outcome",
    "lacks_file",
    "new_inference_id",
    "queued_jobs",
    "renewal_remarks",
    "result_filename",
}
INSIDE_THE_CLIENT |= {"AioJobStream", "AioPoller", "JobStream", "inline_body", "place_in_s3", "with_rejections"}
INSIDE_THE_CLIENT |= {"P", "SharedPool", "T", "make_clients", "named_by_age", "parse_listings_quickly"}
INSIDE_THE_CLIENT |= {"error_text", "storage_error", "submit_error", "upload_error"}
INSIDE_THE_CLIENT |= {"CutOff", "NotFromAws", "fail_if_cut", "reject_wrong_responses"}


@pytest.mark.parametrize(
    ("package", "inside"), [(async_endpoint.protocol, INSIDE_THE_PROTOCOL), (async_endpoint.client, INSIDE_THE_CLIENT)]
)
def test_every_public_name_is_exported(package: ModuleType, inside: set[str]) -> None:
    assert public_of(package) - set(package.__all__) == inside


@pytest.mark.parametrize("package", [async_endpoint.protocol, async_endpoint.client, *PURE])
def test_every_exported_name_is_there_once(package: ModuleType) -> None:
    assert len(set(package.__all__)) == len(package.__all__)
    assert all(hasattr(package, name) for name in package.__all__)


def imports(source: Path) -> Iterator[tuple[str, str]]:
    """Module and name of every import of a file; no name where a module is imported whole."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield from ((str(node.module), alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


@pytest.mark.parametrize("package", PURE)
def test_what_others_use_of_a_pure_package_is_exported(package: ModuleType) -> None:
    folder = SOURCE / package.__name__.rpartition(".")[2]
    used = {
        name
        for source in SOURCE.rglob("*.py")
        if folder not in source.parents
        for module, name in imports(source)
        if module.startswith(f"{package.__name__}.")
    }
    assert used
    assert used - set(package.__all__) == set()


@pytest.mark.parametrize("package", PURE)
def test_a_pure_package_needs_the_standard_library_alone(package: ModuleType) -> None:
    folder = SOURCE / package.__name__.rpartition(".")[2]
    found = {module for source in folder.glob("*.py") for module, _ in imports(source)}
    others = {module for module in found if module.split(".")[0] not in sys.stdlib_module_names}
    allowed = ("async_endpoint.autoscaling", "async_endpoint.cloudwatch", "async_endpoint.clock")
    assert {module for module in others if not module.startswith(allowed)} == set()
