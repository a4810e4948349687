"""Measures exact matches of the rest of a line, greedy, in plain prefix-suffix-middle order.

The cases in `fim_cases.json` are cut at pre-token boundaries, so no token healing is needed.
"""

import json
from pathlib import Path

from tokenizers import Tokenizer

from foretell_models.bundle import read_manifest
from foretell_models.session import Session

CASES = Path(__file__).parent / "fim_cases.json"
MOST = 64


def run(session: Session, folder: Path) -> list[bool]:
    """For each case, whether the model completes the original line."""
    manifest = read_manifest(folder)
    fim, stop = manifest.fim, set(manifest.eos_ids)
    assert fim is not None
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.encode_special_tokens = True

    def encode(text: str) -> list[int]:
        return list(tokenizer.encode(text, add_special_tokens=False).ids)

    right = []
    for case in json.loads(CASES.read_text()):
        prompt = [
            fim.prefix, *encode(case["prefix"]), fim.suffix, *encode(case["suffix"]), fim.middle
        ]  # fmt: skip
        line = case["middle"]
        right.append(completes(session, tokenizer, prompt, encode(line + "\n"), line, stop))
    return right


def completes(
    session: Session,
    tokenizer: Tokenizer,
    prompt: list[int],
    draft: list[int],
    line: str,
    stop: set[int],
) -> bool:
    """Whether greedy decoding generates exactly `line` before a line break or an end token.

    The line's own tokens are evaluated with the prompt, as draft tokens: up to the first that is
    not the most likely one, they are the greedy result. From there, decoding continues one token at
    a time while the text can still become the line.
    """
    session.rewind(0)
    best = session.step([*prompt, *draft[:-1]], len(draft)).argmax(-1).tolist()
    written: list[int] = []
    while len(written) < MOST:
        if len(written) < len(draft) and written == draft[: len(written)]:
            token = best[len(written)]
        else:
            session.rewind(len(prompt) + len(written) - 1)
            token = int(session.step(written[-1:])[0].argmax())
        if token in stop:
            break
        written.append(token)
        text = tokenizer.decode(written)
        if "\n" in text:
            break
        if not line.startswith(text.rstrip(" ")):
            return False
    return bool(tokenizer.decode(written).partition("\n")[0].rstrip() == line)
