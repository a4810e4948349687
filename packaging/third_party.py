"""Writes THIRD_PARTY.md, which lists the components of the server and the extension with licences.

`make docs-generated` runs it; `--check` fails if the page does not match the lock files.
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
# Third-party components

Generated from `Cargo.lock` and `editors/vscode/package-lock.json` by `make docs-generated`.
Licence texts are in each package's source, in `licences/` of the packages that `make dist` makes, and in `LICENSE-PACKAGES.txt` of the extension.

- **ONNX Runtime** is fetched by `foretell setup` or `make model` from the package `onnxruntime`, or `onnxruntime-gpu` for CUDA; its plugins from `onnxruntime-ep-webgpu` and `onnxruntime-ep-mlx`. Their licence is MIT; the packages include their third-party notices.
- **Models** have their own licences, listed in the catalogue and in each bundle's manifest. The default model, Qwen2.5-Coder 0.5B Instruct, is under Apache-2.0.
- **Python packages** for importing models are installed into `.venv` and are not part of the server: `model-scripts/requirements.lock`.
- **Evaluation cases** are excerpts from packages: `tests/eval/SOURCES.md`. The files on which the policy is measured are from packages too: `tests/oracle/SOURCES.md`.
"""  # noqa: E501


def main() -> int:
    """Writes the page or, with `--check`, compares it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare the page")
    options = parser.parse_args()
    page = "\n".join(
        [
            HEAD,
            "## Crates, for all targets\n",
            *_table([(it["name"], it["version"], it["license"]) for it in dist.crates()]),
            "\n## VS Code extension\n",
            *_table(_bundled("vscode-languageclient")),
            "",
        ]
    )
    if not options.check:
        PAGE.write_text(page, "utf-8")
    elif not PAGE.exists() or PAGE.read_text("utf-8") != page:
        print("THIRD_PARTY.md does not match the lock files: run `make docs-generated`")
        return 1
    return 0


def _table(packages: list[tuple[str, str, str]]) -> list[str]:
    rows = [f"| {name} | {version} | {licence} |" for name, version, licence in sorted(packages)]
    return ["| package | version | licence |", "|---|---|---|", *rows]


def _bundled(name: str) -> list[tuple[str, str, str]]:
    """A package in the extension's lock file, with all its dependencies."""
    lock = json.loads((ROOT / "editors/vscode/package-lock.json").read_text("utf-8"))
    packages: dict[str, dict[str, Any]] = lock["packages"]
    waiting, found = [f"node_modules/{name}"], set[str]()
    while waiting:
        path = waiting.pop()
        found.add(path)
        for needed in packages[path].get("dependencies", {}):
            # The nearest copy, as in Node's module resolution.
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
