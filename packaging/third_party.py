"""THIRD_PARTY.md: what is in the program and in the extension, and under which licences.

Written anew by `make docs-generated`; `--check` fails if it is not what the lock files say.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import dist

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "THIRD_PARTY.md"
HEAD = """\
# Third parties

Made from `Cargo.lock` and `editors/vscode/package-lock.json` by `make docs-generated`.
The texts of the licences are in each package's source, and in `licences/` of what `make dist` makes.

- **ONNX Runtime**, fetched by `foretell setup` or `make model` from the package `onnxruntime`, or for CUDA `onnxruntime-gpu`: MIT, with notices of its own in that package.
- **Models** have licences of their own, which the catalogue and each bundle's manifest name. The default one, Qwen2.5-Coder 0.5B Instruct, is under Apache-2.0.
- **Python packages** that import models are installed into `.venv` and are no part of the program: `model-scripts/requirements.lock`.
- **The cases of the evaluation** are excerpts of packages: `tests/eval/SOURCES.md`.
"""  # noqa: E501


def main() -> int:
    """Writes the page, or compares it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, compare")
    options = parser.parse_args()
    page = "\n".join(
        [
            HEAD,
            "## Crates, on any system\n",
            *_table([(it["name"], it["version"], it["license"]) for it in dist.crates()]),
            "\n## In the extension of VS Code\n",
            *_table(_bundled("vscode-languageclient")),
            "",
        ]
    )
    if not options.check:
        PAGE.write_text(page, "utf-8")
    elif not PAGE.exists() or PAGE.read_text("utf-8") != page:
        print("THIRD_PARTY.md is not what the lock files say: run `make docs-generated`")
        return 1
    return 0


def _table(packages: list[tuple[str, str, str]]) -> list[str]:
    rows = [f"| {name} | {version} | {licence} |" for name, version, licence in sorted(packages)]
    return ["| package | version | licence |", "|---|---|---|", *rows]


def _bundled(name: str) -> list[tuple[str, str, str]]:
    """A package of the extension's lock file with all that it needs."""
    lock = json.loads((ROOT / "editors/vscode/package-lock.json").read_text("utf-8"))
    packages: dict[str, dict[str, Any]] = lock["packages"]
    waiting, found = [f"node_modules/{name}"], set[str]()
    while waiting:
        path = waiting.pop()
        found.add(path)
        for needed in packages[path].get("dependencies", {}):
            # The nearest one, as Node looks for it.
            inner = f"{path}/node_modules/{needed}"
            needed_path = inner if inner in packages else f"node_modules/{needed}"
            if needed_path not in found:
                waiting.append(needed_path)
    return [
        (path.rpartition("node_modules/")[2], packages[path]["version"], packages[path]["license"])
        for path in found
    ]


if __name__ == "__main__":
    sys.exit(main())
