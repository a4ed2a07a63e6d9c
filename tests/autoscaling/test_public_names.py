import sys
from pathlib import Path

from async_endpoint import autoscaling as scaling


def test_every_public_name_is_there_and_listed_in_order() -> None:
    assert sorted(scaling.__all__) == scaling.__all__
    imported = {
        name for name, found in vars(scaling).items() if getattr(found, "__module__", "").startswith("async_end")
    }
    imported |= {"AlarmListener", "State"}  # aliases of typing's own objects
    assert imported == set(scaling.__all__)


def test_it_stands_on_the_standard_library_alone() -> None:
    imports = {
        line.split()[1].split(".")[0]
        for source in Path(scaling.__file__).parent.glob("*.py")
        for line in source.read_text(encoding="utf-8").splitlines()
        if line.startswith(("import ", "from "))
    }
    assert imports - set(sys.stdlib_module_names) == {"async_endpoint"}
