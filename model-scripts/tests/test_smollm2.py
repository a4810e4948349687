"""SmolLM2 (llama architecture, no fill-in-the-middle tokens) compared with llama.cpp."""

import numpy as np
import pytest
from llama_cpp_runs import divergence_from_llama, prompts_of, run, texts_of
from tokenizers import Tokenizer

from foretell_models import cli
from foretell_models.bundle import read_manifest
from foretell_models.catalogue import find
from foretell_models.fetch import fetched

NAME = "smollm2-135m"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """The model imported as fp32 (540 MB); the fetched file stays in the data folder."""
    assert cli.main(["fetch", NAME]) == 0
    folder = tmp_path_factory.mktemp("smollm2") / "fp32"
    source = str(fetched(find(NAME)))
    assert cli.main(["import", source, "--out", str(folder), "--quantization", "fp32"]) == 0
    return folder


def test_fp32_matches_llama_cpp(bundle, capsys):
    # Longer prompts also agree, but would take most of the time.
    prompts = [prompt for prompt in prompts_of("smollm2") if len(prompt.ids) <= 300]
    found = run(bundle, prompts)
    pairs = list(zip(prompts, found, strict=True))
    kl = np.concatenate([divergence_from_llama(prompt, each.log_p) for prompt, each in pairs])
    same = sum(each.same_greedy for each in found)
    with capsys.disabled():
        print(f"\nSmolLM2 in fp32 against llama.cpp: mean KL {kl.mean():.2e}, ", end="")
        print(f"same 32 greedy tokens on {same} of {len(found)}")
    assert kl.mean() < 1e-3
    assert same >= 0.9 * len(found)


def test_token_ids_match_llama_cpp(bundle):
    tokenizer = Tokenizer.from_file(str(bundle / "tokenizer.json"))
    tokenizer.encode_special_tokens = True
    for text, ids in texts_of("smollm2"):
        assert tokenizer.encode(text, add_special_tokens=False).ids == ids, text


def test_model_has_no_fim_tokens(bundle):
    manifest = read_manifest(bundle)
    assert (manifest.architecture, manifest.fim) == ("llama", None)
