"""Chooses the renames for `foretell eval --renames` from the files of `tests/oracle/files`.

    python renames.py NAMES…   the output of the programs in `renames/`, and of `--rust`
    python renames.py --rust   the names of the Rust files

The programs need the packages `jedi` and `libclang` (PyPI), `typescript` (npm), a Go toolchain and
a JDK:

    python renames/python_names.py FILE… ; python renames/c_names.py FILE…
    TYPESCRIPT=node_modules/typescript node renames/names.mjs FILE…
    go run renames/names.go FILE… ; java renames/Names.java FILE…

Except for Rust, the places of a name are those that the language's own tools find: Jedi, the
TypeScript compiler, Go's type checker, javac and libclang. For Rust, they are the whole words in
the function, or for functions in the file, of names that are declared once and mean nothing else
there.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FILES = HERE.parent / "oracle/files"
# Renames per language, and how many of each kind.
QUOTA = {"parameter": 16, "local": 16, "function": 8, "field": 8}
LANGUAGES = ["c", "go", "java", "javascript", "python", "rust", "typescript"]
SHARED = {"javascript", "typescript"}


def main() -> None:
    """Writes the renames, or the names of the Rust files."""
    if sys.argv[1:] == ["--rust"]:
        for file in sorted((FILES / "rust").rglob("*.rs")):
            for name in rust_names(file):
                print(json.dumps(name))
        return
    names = [json.loads(line) for it in sys.argv[1:] for line in Path(it).read_text().splitlines()]
    by_language: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for name in names:
        path = Path(name["file"]).resolve().relative_to(FILES.resolve())
        by_language[path.parts[0]].append({**name, "file": path.as_posix()})
    cases = []
    for language in LANGUAGES:
        usable = list(filter(is_usable, by_language[language]))
        for kind, n in QUOTA.items():
            wanted = n // 2 if language in SHARED else n
            of_kind = sorted((it for it in usable if it["kind"] == kind), key=spread)
            cases += [case(language, it) for it in of_kind[:wanted]]
    (HERE / "renames.jsonl").write_text("".join(json.dumps(it) + "\n" for it in cases))
    print(f"{len(cases)} renames")


def spread(name: dict[str, Any]) -> tuple[int, str]:
    """An order that mixes the files but does not change."""
    return (name["at"] * 7919 % 1009, name["file"])


def is_usable(name: dict[str, Any]) -> bool:
    """Whether a rename has another place, and its places have the name."""
    data = (FILES / name["file"]).read_bytes()
    word = name["name"].encode()
    places = [at for at, _, _ in name["places"]]
    is_known = all(data[at : at + len(word)] == word for at in places)
    at_declaration = [it for it in name["places"] if it[0] == name["at"]]
    is_plain = at_declaration and not any(at_declaration[0][1:])
    is_resolved = Path(name["file"]).suffix not in {".c", ".h"} or is_whole(data, word, places)
    return bool(is_known and is_plain and is_resolved and len(places) > 1 and word != b"self")


def is_whole(data: bytes, word: bytes, places: list[int]) -> bool:
    """Whether the places are all whole words between them: without all headers, libclang leaves
    out what it cannot parse."""
    text = re.sub(rb'"[^"\n]*"|//[^\n]*|/\*.*?\*/', lambda it: b" " * len(it[0]), data, flags=re.S)
    end = text.find(b"\n}", max(places))
    words = re.finditer(rb"(?<![.>])\b" + re.escape(word) + rb"\b", text[min(places) : end])
    return len(list(words)) == len(places)


def case(language: str, name: dict[str, Any]) -> dict[str, Any]:
    """A rename with its places, the declaration first."""
    new = new_name(name["name"], name["at"])
    data = (FILES / name["file"]).read_text()
    while re.search(rf"\b{re.escape(new)}\b", data):
        new += "2"
    others = sorted(it for it in name["places"] if it[0] != name["at"])
    places = [[at, f"{before}{new}{after}"] for at, before, after in others]
    return {
        "path": f"../oracle/files/{name['file']}",
        "language": language,
        "kind": name["kind"],
        "old": name["name"],
        "new": new,
        "first": name["at"],
        "others": places,
    }


def new_name(old: str, seed: int) -> str:
    """A name in the style of the old one."""
    words = ["next", "inner", "given", "current", "raw"]
    word = words[seed % len(words)]
    if old.isupper():
        return f"{word.upper()}_{old}"
    if "_" in old or old.islower() and seed % 2:
        return f"{word}_{old.strip('_')}"
    if old[0].isupper():
        return f"{word.title()}{old}"
    return f"{word}{old[0].upper()}{old[1:]}"


def rust_names(file: Path) -> list[dict[str, Any]]:
    """Names that are declared once in a function, or functions once in the file."""
    text = re.sub(r"//[^\n]*", lambda it: " " * len(it[0]), file.read_text())
    names = []
    for match in re.finditer(r"^( *)(?:pub(?:\([a-z]+\))? )?(?:const )?fn (\w+)", text, re.M):
        close = text.find(f"\n{match[1]}}}", match.end())
        start, end = match.start(2), close if close > 0 else match.end()
        body = text[start:end]
        header = body.split("{")[0]
        for it in re.finditer(r"(?:^|[(,]\s*)(?:mut )?(\w+): ", header):
            names.append(rust_name(file, text, "parameter", it[1], start + it.start(1), start, end))
        for it in re.finditer(r"\blet (?:mut )?(\w+)(?=[:; ])", body):
            names.append(rust_name(file, text, "local", it[1], start + it.start(1), start, end))
        if not match[1]:
            names.append(rust_name(file, text, "function", match[2], start, 0, len(text)))
    for it in re.finditer(r"^    (?:pub(?:\([a-z]+\))? )?(\w+): [\w&]", text, re.M):
        names.append(rust_name(file, text, "field", it[1], it.start(1), 0, len(text)))
    return [it for it in names if it]


def rust_name(
    file: Path, text: str, kind: str, name: str, at: int, start: int, end: int
) -> dict[str, Any] | None:
    """The whole words of a name in a range; `None` if one of them means something else."""
    word = re.escape(name)
    places = [start + it.start() for it in re.finditer(rf"\b{word}\b", text[start:end])]
    body = text[start:end]
    before = r"(?:\blet |\blet mut |\bmut |\bfn |[|(,]\s*|\bfor |\bref |&)"
    declared = rf"{before}{word}\b(?=\s*[:=|,)]| in )"
    if kind == "field":
        # Only as a field, and of no other type.
        others = [it for it in places if it != at and text[it - 1] != "."]
        is_single = len(re.findall(rf"\b{word}: ", text)) == 1 and not others
    else:
        members = re.finditer(rf"(?:\.|::|'){word}\b|\b{word}(?:::|: )", body)
        others = [it for it in members if kind != "parameter" or it.start() != at - start]
        shadows = len(re.findall(declared, body)) > 1
        strings = any(text.rfind("\n", 0, it) < text.rfind('"', 0, it) for it in places)
        is_single = not others and not shadows and not strings
    if not is_single:
        return None
    offsets = [[len(text[:it].encode()), "", ""] for it in places]
    at = len(text[:at].encode())
    return {"file": str(file), "kind": kind, "name": name, "at": at, "places": offsets}


if __name__ == "__main__":
    main()
