"""The names of Python files, as Jedi finds their references."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import jedi


def main() -> None:
    """Prints one JSON object per name."""
    for file in sys.argv[1:]:
        text = Path(file).read_text()
        lines = text.split("\n")
        starts = [0]
        for line in lines:
            starts.append(starts[-1] + len(line.encode()) + 1)

        def offset(name: object, lines: list[str] = lines, starts: list[int] = starts) -> int:
            line = name.line - 1
            return starts[line] + len(lines[line][: name.column].encode())

        script = jedi.Script(text, path=file)
        for name in script.get_names(all_scopes=True, definitions=True, references=False):
            kind = kind_of(name)
            if not kind or not name.is_definition():
                continue
            found = script.get_references(name.line, name.column, scope="file")
            places = sorted({(offset(it), "", "") for it in found if it.module_path})
            it = {"file": file, "kind": kind, "name": name.name, "at": offset(name)}
            print(json.dumps({**it, "places": places}))


def kind_of(name: object) -> str | None:
    """The names that a definition defines."""
    parent = name.parent()
    if name.type == "param":
        return "parameter"
    if name.type == "function":
        return "function"
    if name.type == "statement":
        line = name.get_line_code()[: name.column]
        if line.endswith("self."):
            return "field"
        return "local" if parent and parent.type == "function" else None
    return None


if __name__ == "__main__":
    main()
