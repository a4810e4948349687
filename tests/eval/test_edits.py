"""Differences are cut into changes of a few tokens, and those that are alike form a group."""

from __future__ import annotations

import make_arguments
import make_typical
from edits import case, changes, inserts_lines

OLD = "def area(width, height):\n    return width * height\n\n\nprint(area(2, 3))\n"


def cut(old: str, new: str) -> list[tuple[str, str]]:
    return [(old[it.start : it.end], it.inserted) for it in changes(old, new)]


def test_changes_are_a_few_tokens() -> None:
    assert cut(OLD, OLD.replace("height", "tall")) == [("height", "tall")] * 2
    assert cut(OLD, OLD.replace("(2, 3)", "(2, 3, 4)")) == [("", ", 4")]
    assert cut(OLD, OLD.replace("    return", "    # é\n    return")) == [("", "    # é\n")]


def test_case_has_bytes_and_groups() -> None:
    filler = "".join(f"x{i} = {i}\n" for i in range(9))
    old = f"é = height\n{filler}{OLD}{filler}y = 1\n"
    found = case("a.py", "python", old, old.replace("height", "tall").replace("y = 1", "y = 2"))
    assert found is not None
    row, whole = found
    assert whole["kind"] == "word" and whole["text"] == old
    assert [it[1:] for it in whole["changes"]] == [[6, "tall", 0]] * 3 + [[1, "2", None]]
    for text, of in ((it["text"].encode(), it["changes"]) for it in (row, whole)):
        assert [text[at : at + n] for at, n, *_ in of] == [b"height"] * 3 + [b"1"]


def test_one_hunk_and_unsuitable_files() -> None:
    one = case("a.py", "python", OLD, OLD.replace("height", "tall"))
    assert one is not None and one[0]["kind"] == "one_hunk"
    assert case("a.py", "python", OLD, OLD) is None
    apart = f"a = 1\n{OLD}{OLD}b = 1\n"
    assert case("a.py", "python", apart, apart.replace("a = 1", "a = 2").replace("b", "c")) is None


def test_whole_lines_at_several_places() -> None:
    old = f"{OLD}{OLD}"
    for new, is_found in (
        (old.replace("    return", "    check()\n    return"), True),
        (old.replace("    return", "    check()\n    return", 1), False),
        (old.replace("    return", "    # return"), False),
        (old.replace("    return", "    a\n    b\n    c\n    d\n    e\n    return"), False),
    ):
        rows = case("a.py", "python", old, new)
        assert rows is not None and inserts_lines(*rows) == is_found, new


def test_typical_edits_are_those_of_the_list() -> None:
    written = (make_typical.HERE / "edits-typical.jsonl").read_text()
    assert written == make_typical.cases(), "run make_typical.py"


def test_arguments_are_those_of_the_files() -> None:
    written = (make_arguments.HERE / "edits-arguments.jsonl").read_text()
    assert written == make_arguments.cases(), "run make_arguments.py"


def test_calls_have_whole_arguments() -> None:
    text = 'f(a, "x, (y)", g(b, c))\nf(a,\n  b)\ndef f(a, b):\n'
    calls = make_arguments.calls(text)
    found = [(name, [text[it.start : it.end] for it in of]) for name, of in calls]
    assert found == [("f", [', "x, (y)"', ", g(b, c)"]), ("g", [", c"])]
