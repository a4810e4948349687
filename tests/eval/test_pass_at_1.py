"""Only a program that reaches its end passes, and it cannot escape its limits."""

from __future__ import annotations

import itertools

import pytest

from human_eval import cut, spans
from pass_at_1 import Limits, passes, program, without_network

CASE = {"prefix": "def two():\n    ", "suffix": "\n", "test": "assert two() == 2"}
SHORT = Limits(seconds=1, wall_seconds=10)

PROBLEM = {
    "task_id": "HumanEval/7",
    "prompt": 'def f(x):\n    """Doubles."""\n',
    "canonical_solution": "    y = x\n\n    return 2 * y\n",
    "test": "def check(candidate):\n    assert candidate(1) == 2\n",
    "entry_point": "f",
}


@pytest.fixture(scope="module")
def isolation() -> list[str]:
    """The command without network access; fails if none is available."""
    return without_network()


def test_right_line_passes(isolation: list[str]) -> None:
    assert passes(program(CASE, "return 2"), isolation)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "return 3",
        "import sys; sys.exit(0)",
        "import os; os._exit(0)",
        "while True: pass",
        "return len(bytearray(1 << 31)) and 2",
        "open('big', 'wb').write(bytes(1 << 21)); return 2",
        "import socket; socket.create_connection(('127.0.0.1', 9), 1); return 2",
        "import socket; socket.getaddrinfo('localhost.invalid', 80); return 2",
    ],
)
def test_wrong_or_limited_line_fails(isolation: list[str], line: str) -> None:
    assert not passes(program(CASE, line), isolation, SHORT)


def test_no_interface_but_an_idle_loopback(isolation: list[str]) -> None:
    names = "[name for _, name in __import__('socket').if_nameindex()]"
    line = f"return 2 if {names} == ['lo'] else 0"
    assert passes(program(CASE, line), isolation)


def test_case_is_one_line_after_its_indentation() -> None:
    first, last = cut(PROBLEM)
    assert (first["kind"], first["expected"], last["kind"]) == ("first_line", "y = x", "last_line")
    assert last["prefix"].endswith("    y = x\n\n    ") and last["suffix"] == "\n"
    assert last["expected"] == "return 2 * y"


def test_canonical_line_passes(isolation: list[str]) -> None:
    for case in cut(PROBLEM):
        assert passes(program(case, case["expected"]), isolation)


def test_span_is_cut_out_of_the_solution() -> None:
    cases = list(itertools.islice(spans([PROBLEM]), 40))
    whole = PROBLEM["prompt"] + PROBLEM["canonical_solution"]
    assert {it["prefix"] + it["expected"] + it["suffix"] for it in cases} == {whole}
    assert all(it["expected"].strip() for it in cases)
    assert {it["kind"] for it in cases} == {"span_in_line", "span_of_lines"}
    assert list(itertools.islice(spans([PROBLEM]), 20)) == cases[:20]
