"""What may be printed for people: no text of a file steers the terminal."""

import sys
import unicodedata

# The server's `policy/hidden.rs` has the same: what changes the order of writing, and what is
# drawn as nothing.
_HIDDEN = tuple(
    range(first, last + 1)
    for first, last in (
        (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5),
        (0x180B, 0x180F), (0x200B, 0x200F), (0x2028, 0x2029), (0x202A, 0x202E), (0x2060, 0x206F),
        (0x2800, 0x2800), (0x3164, 0x3164), (0xFE00, 0xFE0E), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0),
        (0xFFF0, 0xFFFB), (0x13430, 0x1343F), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A),
        (0xE0000, 0xE0FFF),
    )
)  # fmt: skip


def is_unprintable(character: str) -> bool:
    """Whether a character steers what shows it: a control (a line break and a tab are among them),
    one that changes the order in which others are shown, or one that is drawn as nothing.
    """
    # A surrogate stands for a byte that is no text.
    return unicodedata.category(character) in ("Cc", "Cs") or any(
        ord(character) in hidden for hidden in _HIDDEN
    )


def printable(text: str) -> str:
    """A text that can't steer the terminal: control characters but tab and line break are shown as
    their pictures, what else is not to be seen as the replacement character.
    """

    def shown(character: str) -> str:
        if character in "\n\t" or not is_unprintable(character):
            return character
        return chr(0x2400 + ord(character)) if character < " " else "\ufffd"

    return text if text.isascii() and text.isprintable() else "".join(map(shown, text))


def tell(text: str) -> None:
    """Lines on the standard output."""
    print(printable(text))


def tell_path(path: object) -> None:
    """A path on the standard output: a program gets it as it is."""
    print(printable(str(path)) if sys.stdout.isatty() else path)
