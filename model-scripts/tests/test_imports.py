"""The package has no import cycles."""

import ast
from collections.abc import Mapping
from pathlib import Path

import foretell_models


def imports(folder: Path, package: str) -> dict[str, set[str]]:
    """For each module of a package, the package's modules that it imports, even in functions."""
    graph: dict[str, set[str]] = {}
    for file in folder.glob("*.py"):
        found: set[str] = set()
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        names = {name.removeprefix(f"{package}.") for name in found if name.startswith(package)}
        graph[file.stem] = {name for name in names if (folder / f"{name}.py").exists()}
    return graph


def cycle(graph: Mapping[str, set[str]]) -> list[str] | None:
    """The modules on a cycle, or None."""

    def visit(module: str, path: list[str]) -> list[str] | None:
        if module in path:
            return path[path.index(module) :]
        found = (visit(it, [*path, module]) for it in sorted(graph.get(module, ())))
        return next((it for it in found if it), None)

    return next((it for module in sorted(graph) if (it := visit(module, []))), None)


def test_imports_have_no_cycle() -> None:
    folder = Path(foretell_models.__file__).parent
    graph = imports(folder, "foretell_models")
    assert "files" in graph["fetch_url"], "the imports are found"
    assert cycle(graph) is None


def test_import_cycle_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("from made_up import b\n")
    (tmp_path / "b.py").write_text("def f():\n    from made_up.c import g\n")
    (tmp_path / "c.py").write_text("import os\n")
    assert cycle(imports(tmp_path, "made_up")) is None
    (tmp_path / "c.py").write_text("import made_up.a\n")
    assert cycle(imports(tmp_path, "made_up")) == ["a", "b", "c"]
