"""Measures what a head reduced to the tokens that occur in code would save and lose.

    python study/code_head.py BUNDLE MEGABYTES FOLDER ...

One half of the files selects the tokens to keep. In the other half, and in the expected lines of
`fim_cases.json`, the script counts the tokens that such a head could never generate.
"""

import json
import os
import random
import sys
from pathlib import Path

import fim
import numpy as np
from tokenizers import Tokenizer

ENDINGS = {".rs", ".py", ".js", ".ts", ".c", ".h", ".cpp", ".lua", ".go", ".java", ".rb", ".sh"}
TIMES = (1, 5, 20, 100)


def texts(folders: list[str], limit: int) -> list[str]:
    found = [
        Path(root, name)
        for folder in folders
        for root, _, names in os.walk(folder)
        for name in sorted(names)
        if Path(name).suffix in ENDINGS
    ]
    random.Random(0).shuffle(found)
    read: dict[str, None] = {}
    total = 0
    for path in found:
        if total > limit or path.is_symlink() or path.stat().st_size > 200_000:
            continue
        text = path.read_text("utf-8", errors="ignore")
        if text not in read:
            read[text] = None
            total += len(text)
    return list(read)


def main() -> None:
    folder, limit = Path(sys.argv[1]), int(sys.argv[2]) * 10**6
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.encode_special_tokens = True
    manifest = json.loads((folder / "foretell.json").read_text())
    size = manifest["vocab_size"]
    counts = np.zeros((2, size), np.int64)
    corpus = texts(sys.argv[3:], limit)
    for index, text in enumerate(corpus):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        counts[index % 2] += np.bincount(ids, minlength=size)
    print(f"{len(corpus)} files, {counts.sum()} tokens")
    lines = [case["middle"] + "\n" for case in json.loads(fim.CASES.read_text())]
    wanted = [tokenizer.encode(line, add_special_tokens=False).ids for line in lines]
    for times in TIMES:
        kept = counts[0] >= times
        lost = counts[1][~kept].sum() / counts[1].sum()
        outside = sum(any(not kept[token] for token in ids) for ids in wanted)
        print(
            f"seen {times} times: {kept.sum()} of {size} tokens; loses {100 * lost:.3f} % of the "
            f"other half's tokens, {outside} of {len(wanted)} lines of the cases"
        )


if __name__ == "__main__":
    main()
