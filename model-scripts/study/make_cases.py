"""Makes the fill-in-the-middle cases in `fim_cases.json` from source trees.

    python study/make_cases.py TOKENIZER.json LANGUAGE=ORIGIN=LICENCE=FOLDER ...

Takes `EACH` cases per language, from files chosen with a fixed seed. A cut is at a pre-token
boundary, so that no token healing is needed, at the start of a line or inside one. The expected
text is the rest of the line, 3 to 30 characters.
"""

import json
import random
import sys
from collections import defaultdict
from pathlib import Path

from tokenizers import Tokenizer

OUT = Path(__file__).parent / "fim_cases.json"
SEED, EACH = 5, 40
PREFIX_CHARS, SUFFIX_CHARS = 340, 120
ENDINGS = {"rust": (".rs",), "python": (".py",), "javascript": (".js",), "c++": (".cpp", ".h")}
LONGEST = 30
COMMENTS = ("//", "#", "*", "/*", '"""')


def files(folder: Path, language: str) -> list[Path]:
    """Files of a typical size that are not minified."""
    found = [
        path
        for path in folder.rglob("*")
        if path.suffix in ENDINGS[language] and path.is_file() and ".min." not in path.name
    ]
    return sorted(path for path in found if 3_000 < path.stat().st_size < 80_000)


def case(text: str, tokenizer: Tokenizer, rng: random.Random) -> dict[str, str] | None:
    """One case from a file, or None if the randomly chosen line is unsuitable."""
    lines = text.splitlines(keepends=True)
    index = rng.randrange(8, max(9, len(lines) - 4))
    if index >= len(lines):
        return None
    line = lines[index].rstrip("\n")
    bare = line.strip()
    if not 12 <= len(bare) <= 90 or bare.startswith(COMMENTS) or not bare.isascii():
        return None
    words = tokenizer.pre_tokenizer.pre_tokenize_str(line)
    borders = [start for _, (start, _) in words if start == 0 or line[:start].strip()]
    fitting = [start for start in borders if 3 <= len(line[start:].strip()) <= LONGEST]
    if not fitting or line != line.rstrip():
        return None
    column = rng.choice(fitting)
    middle = line[column:]
    before, after = "".join(lines[:index]), "".join(lines[index + 1 :])
    # Keep only whole lines on both sides.
    before = before[-PREFIX_CHARS:].partition("\n")[2]
    after = after[:SUFFIX_CHARS].rpartition("\n")[0] + "\n"
    return {"prefix": before + line[:column], "suffix": "\n" + after, "middle": middle}


def main() -> None:
    tokenizer = Tokenizer.from_file(sys.argv[1])
    rng = random.Random(SEED)
    sources = defaultdict(list)
    for argument in sys.argv[2:]:
        language, origin, licence, folder = argument.split("=")
        sources[language].append((origin, licence, files(Path(folder), language)))
    cases: list[dict[str, str]] = []
    for language, origins in sources.items():
        texts: set[str] = set()
        while len(texts) < EACH:
            origin, licence, paths = rng.choice(origins)
            text = rng.choice(paths).read_text(encoding="utf-8", errors="ignore")
            found = case(text.replace("\r\n", "\n"), tokenizer, rng)
            if found is None or found["middle"] in texts:
                continue
            texts.add(found["middle"])
            cases.append({"language": language, "origin": origin, "licence": licence, **found})
    OUT.write_text(json.dumps(cases, indent=1, ensure_ascii=False) + "\n")
    print(len(cases), "cases")


if __name__ == "__main__":
    main()
