"""Imports go one way, every heavy library has one home, and the public surface is small."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ldfilter

ROOT = Path(ldfilter.__file__).parent
LEAVES = {"errors", "config", "classes", "frame", "device", "image", "warp", "history"}
LEAVES |= {"changes", "layers", "looks", "option", "prefetch", "version", "weights"}
STAGES = {"source", "motion", "dreaming", "sink"}
ASSEMBLY = {"passes", "pipeline"}
EXTENSIONS = {"measure", "sheet", "distill", "parallel", "vapoursynth"}
TORCHLESS = {"changes", "errors", "config", "classes", "layers", "looks", "option", "version"}
HOMES = {
    "av": {"source", "sink"},
    "cv2": {"motion/opencv.py"},
    "timm": {"dreaming/backbones.py"},
    "torchvision": {"dreaming/backbones.py", "motion/raft.py"},
    "PIL": {"sheet.py", "distill"},
    "rich": {"progress.py"},
}
FILES = sorted(ROOT.rglob("*.py"))


def top(path: Path) -> str:
    """The module or package right under ldfilter that a file belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def is_front_end(name: str) -> bool:
    return name in ("progress", "__init__", "__main__") or name.startswith("cli")


def allowed(name: str) -> set[str]:
    """What of ldfilter the module or package `name` may import."""
    if name in TORCHLESS:
        return TORCHLESS
    if name in LEAVES:
        return LEAVES
    if name in STAGES:
        return LEAVES | {name}
    if name in ASSEMBLY:
        return LEAVES | STAGES | ASSEMBLY
    if name in EXTENSIONS:
        return LEAVES | STAGES | EXTENSIONS | ASSEMBLY
    assert is_front_end(name), f"{name} has no layer yet: add it to ARCHITECTURE and to this test"
    return {"*"}


def imported(nodes: Iterator[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield str(node.module)
            if node.module == "ldfilter":
                yield from (f"ldfilter.{alias.name}" for alias in node.names)


def at_import_time(tree: ast.Module) -> Iterator[ast.AST]:
    """The nodes that run when the module is imported: no functions, no type checking."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        checking = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if not checking and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += ast.iter_child_nodes(node)


def own(names: Iterator[str]) -> set[str]:
    return {n.split(".")[1] for n in names if n.startswith("ldfilter.")}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_from_its_layer_and_below(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    may = allowed(top(path))
    if may == {"*"}:
        found = own(imported(at_import_time(tree)))
        assert {n for n in found if not is_front_end(n)} <= {"errors", "config", "looks", "version"}
    else:
        assert own(imported(ast.walk(tree))) <= may


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_heavy_library_is_imported_only_at_its_home(path: Path) -> None:
    place = path.relative_to(ROOT).as_posix()
    names = {n.split(".")[0] for n in imported(ast.walk(ast.parse(path.read_text("utf-8"))))}
    for library, homes in HOMES.items():
        if library in names:
            assert place in homes or top(path) in homes, f"{library} does not belong in {place}"
    assert not (top(path) in TORCHLESS and "torch" in names)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_is_short_and_nothing_below_the_command_line_prints(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and not is_front_end(top(path)):
            assert ast.unparse(node.func) not in ("print", "sys.exit", "os._exit", "exit")


def test_the_public_names_are_sorted_and_all_there() -> None:
    assert ldfilter.__all__ == sorted(ldfilter.__all__)
    assert dir(ldfilter) == ldfilter.__all__
    for name in ldfilter.__all__:
        assert getattr(ldfilter, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ldfilter.nothing


def test_the_public_names_are_declared_for_type_checkers_too() -> None:
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    declared = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("ldfilter.")
        for alias in node.names
    }
    assert declared == set(ldfilter.__all__)


@pytest.mark.parametrize("arguments", [["--help"], ["--list-presets"], ["--dry-run"]])
def test_answers_import_no_heavy_library(arguments: list[str]) -> None:
    code = (
        "import sys; from ldfilter.cli import main; code = main(sys.argv[1:]);"
        "heavy = {'torch', 'av', 'cv2', 'numpy', 'rich', 'timm'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, ldfilter; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
