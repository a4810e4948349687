"""Text for people is safe to print on a terminal."""

import pytest

from foretell_models.progress import eprint, warn
from foretell_models.terminal import echo, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("größe\tnaïve\n", "größe\tnaïve\n"),
        ("a\x1b[31m\r\0", "a\u241b[31m\u240d\u2400"),
        ("\x7f\x9b2J", "\ufffd\ufffd2J"),
        ("a\u202eb\u2066c", "a\ufffdb\ufffdc"),
        ("a\u200bb\u200dc\ufeff\u2060", "a\ufffdb\ufffdc\ufffd\ufffd"),
        ("\udcff\U000e0041", "\ufffd\ufffd"),
    ],
    ids=ascii,
)
def test_control_characters_are_escaped(text, shown, capsys):
    assert printable(text) == shown
    echo(text)
    eprint(text)
    warn(text)
    seen = capsys.readouterr()
    assert seen.out == f"{shown}\n" and seen.err == f"{shown}\nwarning: {shown}\n"
