"""The names of C files, as libclang resolves them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from clang.cindex import Cursor, CursorKind, Index

KINDS = {
    CursorKind.PARM_DECL: "parameter",
    CursorKind.VAR_DECL: "local",
    CursorKind.FIELD_DECL: "field",
    CursorKind.FUNCTION_DECL: "function",
}
USES = {CursorKind.DECL_REF_EXPR, CursorKind.MEMBER_REF_EXPR, CursorKind.MEMBER_REF}


def main() -> None:
    """Prints one JSON object per name."""
    for file in sys.argv[1:]:
        data = Path(file).read_bytes()
        unit = Index.create().parse(file, args=["-ferror-limit=0"])
        places: dict[str, set[int]] = {}
        declared: dict[str, tuple[Cursor, int]] = {}

        def place(name: str, start: int, end: int, data: bytes = data) -> int | None:
            """A macro's expansion has the place of its call."""
            at = data.find(name.encode(), start, end + len(name))
            return at if data[at : at + len(name)] == name.encode() and at >= 0 else None

        for it in unit.cursor.walk_preorder():
            where = it.location
            if not where.file or where.file.name != file or not it.spelling:
                continue
            target = it if it.kind in KINDS else it.referenced if it.kind in USES else None
            if target is None or target.kind not in KINDS:
                continue
            key = target.canonical.get_usr() or str(target.canonical.location)
            key = f"{key} {target.canonical.location.offset}"
            at = place(it.spelling, where.offset, where.offset)
            if at is None:
                continue
            places.setdefault(key, set()).add(at)
            if it.kind in KINDS and key not in declared:
                declared[key] = (it, at)
        for key, (it, at) in declared.items():
            parent = it.semantic_parent
            if it.kind == CursorKind.VAR_DECL and parent.kind == CursorKind.TRANSLATION_UNIT:
                continue
            found = [(at, "", "") for at in sorted(places[key])]
            name = {"file": file, "kind": KINDS[it.kind], "name": it.spelling, "at": at}
            print(json.dumps({**name, "places": found}))


if __name__ == "__main__":
    main()
