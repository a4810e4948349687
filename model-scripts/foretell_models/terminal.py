"""Safe output on terminals: text from files cannot send control sequences."""

import sys
import unicodedata

# Characters that change the text direction or are invisible, as in the server's `policy/hidden.rs`.
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
    """Whether a character is a control character, changes the text direction, or is invisible.

    Control characters include line breaks and tabs.
    """
    # A surrogate represents a byte that could not be decoded.
    return unicodedata.category(character) in ("Cc", "Cs") or any(
        ord(character) in hidden for hidden in _HIDDEN
    )


def printable(text: str) -> str:
    """Makes a text safe for the terminal.

    Control characters except tab and line break become their control pictures (U+2400 block); other
    unprintable characters become U+FFFD.
    """

    def shown(character: str) -> str:
        if character in "\n\t" or not is_unprintable(character):
            return character
        return chr(0x2400 + ord(character)) if character < " " else "\ufffd"

    return text if text.isascii() and text.isprintable() else "".join(map(shown, text))


def echo(text: str) -> None:
    """Prints a text to stdout."""
    print(printable(text))


def echo_path(path: object) -> None:
    """Prints a path to stdout, unchanged for programs: it is made safe only on a terminal."""
    print(printable(str(path)) if sys.stdout.isatty() else path)
