"""Compares token ids with llama.cpp's over whole folders of text.

    python study/tokenizer_agreement.py MODEL.gguf MEGABYTES FOLDER ...

Needs `llama-cpp-python`. Reads the UTF-8 text files in the folders, in an order fixed by a seed, up
to the given number of megabytes. Both sides encode lookalikes of control tokens as text. Prints the
numbers of files, bytes and tokens, and the first differences.
"""

import ctypes
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import llama_cpp as ll
from tokenizers import Tokenizer

from foretell_models import tokenizer
from foretell_models.gguf_reader import GgufFile

LARGEST = 1 << 20
SHOWN = 20


class Llama:
    """llama.cpp's tokenizer alone."""

    def __init__(self, path: Path) -> None:
        params = ll.llama_model_default_params()
        params.vocab_only = True
        self.model = ll.llama_model_load_from_file(str(path).encode(), params)
        self.vocab = ll.llama_model_get_vocab(self.model)

    def encode(self, text: str) -> list[int]:
        data = text.encode()
        room = (ll.llama_token * (len(data) + 8))()
        size = len(data)
        count = ll.llama_tokenize(self.vocab, data, size, room, size + 8, False, False)
        return list(room[:count])


def ours(path: Path) -> Tokenizer:
    """The tokenizer that an import of the file would write, configured as in the server."""
    file = GgufFile(path)
    size = file.tensors["token_embd.weight"].shape[0]
    made = tokenizer.from_gguf(file.metadata, size, path).tokenizer
    made.encode_special_tokens = True
    return made


def texts(folders: list[str], limit: int) -> Iterator[tuple[Path, str]]:
    """Text files with distinct content, up to `limit` bytes in total."""
    found = [
        Path(root, name)
        for folder in folders
        for root, _, names in os.walk(folder)
        for name in sorted(names)
    ]
    random.Random(0).shuffle(found)
    total, seen = 0, set()
    for path in found:
        try:
            if path.is_symlink() or not 0 < path.stat().st_size <= LARGEST:
                continue
            data = path.read_bytes()
            text = data.decode()
        except (OSError, UnicodeDecodeError):
            continue
        if b"\0" in data[:4096] or hash(data) in seen:
            continue
        seen.add(hash(data))
        total += len(data)
        if total > limit:
            return
        yield path, text


def first_difference(left: list[int], right: list[int]) -> int:
    pairs = zip(left, right, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(left), len(right)))


def main() -> None:
    source, limit = Path(sys.argv[1]), int(sys.argv[2]) * 10**6
    log = ll.llama_log_callback(lambda *_: None)
    ll.llama_log_set(log, ctypes.c_void_p())
    theirs, own = Llama(source), ours(source)
    files = n_bytes = n_tokens = differ = not_back = 0
    endings: dict[str, int] = {}
    for path, text in texts(sys.argv[3:], limit):
        left, right = theirs.encode(text), own.encode(text, add_special_tokens=False).ids
        files, n_bytes, n_tokens = files + 1, n_bytes + len(text.encode()), n_tokens + len(left)
        endings[path.suffix] = endings.get(path.suffix, 0) + 1
        not_back += own.decode(right, skip_special_tokens=False) != text
        if left != right:
            differ += 1
            if differ <= SHOWN:
                at = first_difference(left, right)
                place = own.decode(right[max(0, at - 3) : at + 5], skip_special_tokens=False)
                print(f"{path}: token {at}: {left[at : at + 5]} {right[at : at + 5]} {place!r}")
        if files % 1000 == 0:
            print(f"{files} files, {n_bytes / 1e6:.0f} MB, {differ} differ", flush=True)
    common = sorted(endings.items(), key=lambda item: -item[1])[:12]
    print(
        f"{source.name}: {files} files, {n_bytes / 1e6:.0f} MB, {n_tokens} tokens; {differ} files "
        f"differ from llama.cpp's ids; {not_back} do not round-trip"
    )
    print(", ".join(f"{name or 'no extension'} {count}" for name, count in common))


if __name__ == "__main__":
    main()
