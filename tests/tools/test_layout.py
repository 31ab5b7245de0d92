"""The check of the tree's layout, over lists of files that exist nowhere."""

import importlib.util
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "tools" / "layout.py"


def load():
    spec = importlib.util.spec_from_file_location("layout", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


layout = load()


def modules(folder: str, count: int) -> list[Path]:
    return [Path(folder, f"m{n}.py") for n in range(count)]


@pytest.mark.parametrize("folder", ["api/src/imagejobs_api/submit", "tests/support/api"])
def test_a_package_of_more_than_twenty_modules_is_refused(folder):
    (fault,) = layout.crowded(modules(folder, layout.MAX_MODULES + 1))
    assert fault.startswith(f"{folder}: 21 modules")


def test_twenty_modules_and_what_is_no_module_are_accepted():
    folder = "cli/src/imagejobs/local"
    others = [Path(folder, name) for name in ("__init__.py", "py.typed", "sample.jpg")]
    assert not list(layout.crowded([*modules(folder, layout.MAX_MODULES), *others]))


def test_a_package_inside_another_is_counted_by_itself():
    assert not list(layout.crowded(modules("api/src/a", 20) + modules("api/src/a/b", 20)))


def test_folders_of_tests_may_hold_more():
    assert not list(layout.crowded(modules("tests/api/submit", 40)))


def test_the_tree_as_it_is_has_no_crowded_package():
    assert not list(layout.crowded(list(layout.tracked())))
