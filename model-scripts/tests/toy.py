"""Small checkpoints with random weights, in both file formats, for every architecture."""

import dataclasses
import json
import math
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import save_file

from foretell_models.gguf_weights import gguf_name
from foretell_models.model_config import ModelConfig
from foretell_models.tiny import _MERGES, RandomWeights, byte_tokenizer

_BIASES = {
    "llama": (),
    "qwen2": ("q_bias", "k_bias", "v_bias"),
    "starcoder2": ("q_bias", "k_bias", "v_bias", "o_bias", "up_bias", "down_bias"),
    "gemma": (),
}
_ALL_BIASES = (
    "q_bias", "k_bias", "v_bias", "o_bias", "up_bias", "down_bias",
    "attn_norm_bias", "ffn_norm_bias", "final_norm_bias",
)  # fmt: skip


def config(architecture: str, **changes) -> ModelConfig:
    """Sizes that all differ, so that tests notice if two are confused."""
    base = ModelConfig(
        architecture=architecture,
        n_layers=2,
        hidden=96,
        ffn=160,
        n_heads=6,
        n_kv_heads=2,
        head_dim=32 if architecture == "gemma" else 16,
        vocab_size=320,
        context_length=512,
        norm_eps=1e-5,
        rope_theta=10000.0,
    )
    return dataclasses.replace(base, **changes)


def weights(c: ModelConfig, seed: int = 1) -> RandomWeights:
    """Random weights with the biases that the architecture has; Gemma and Qwen2 tie the head."""
    without = [name for name in _ALL_BIASES if name not in _BIASES[c.architecture]]
    if c.family.norm == "layer":
        without = [name for name in without if not name.endswith("norm_bias")]
    if c.architecture in ("gemma", "qwen2"):
        without.append("head")
    return RandomWeights(c, seed, tuple(without))


def _interleave(rows: np.ndarray, heads: int) -> np.ndarray:
    """Reorders rows of Q and K as in GGUF files for llama (`permute` in its converter)."""
    shape = rows.shape
    return rows.reshape(heads, 2, shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(shape)


def write_gguf(
    path: Path,
    w: RandomWeights,
    kind: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.F32,
    with_fim: bool = True,
    metadata: dict | None = None,
) -> Path:
    """Writes a GGUF file with these weights, with matrices stored as `kind`."""
    c = w.config
    writer = gguf.GGUFWriter(path, c.architecture)
    writer.add_block_count(c.n_layers)
    writer.add_context_length(c.context_length)
    writer.add_embedding_length(c.hidden)
    writer.add_feed_forward_length(c.ffn)
    writer.add_head_count(c.n_heads)
    writer.add_head_count_kv(c.n_kv_heads)
    writer.add_rope_freq_base(c.rope_theta)
    if c.head_dim * c.n_heads != c.hidden:
        writer.add_key_length(c.head_dim)
        writer.add_value_length(c.head_dim)
    if c.rope_scale != 1:
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(c.rope_scale)
    if c.window:
        writer.add_sliding_window(c.window)
    (writer.add_layer_norm_eps if c.family.norm == "layer" else writer.add_layer_norm_rms_eps)(
        c.norm_eps
    )
    _add_tokenizer(writer, with_fim)
    for key, value in (metadata or {}).items():
        writer.add_string(key, value)
    if c.rope_divisors:
        writer.add_tensor("rope_freqs.weight", np.array(c.rope_divisors, np.float32))
    for name, values in w.tensors.items():
        part = name.rpartition(".")[2].removesuffix("_bias")
        if c.family.gguf_interleaved_rope and part in ("q", "k"):
            values = _interleave(values, c.n_heads if part == "q" else c.n_kv_heads)
        if values.ndim == 2 and kind != gguf.GGMLQuantizationType.F32:
            data = gguf.quantize(values, kind)
            writer.add_tensor(gguf_name(name), data, raw_dtype=kind)
        else:
            writer.add_tensor(gguf_name(name), values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_tokenizer(writer: gguf.GGUFWriter, with_fim: bool) -> None:
    ids = byte_tokenizer().get_vocab(with_added_tokens=True)
    texts = sorted(ids, key=ids.__getitem__)
    if not with_fim:
        texts = [text.replace("fim_", "other_") for text in texts]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(texts)
    writer.add_token_types([3 if text.startswith("<|") else 1 for text in texts])
    writer.add_token_merges(list(_MERGES))
    writer.add_eos_token_id(ids["<|endoftext|>"])


def write_folder(folder: Path, w: RandomWeights, shards: int = 1) -> Path:
    """Writes a Hugging Face folder with these weights."""
    c = w.config
    folder.mkdir(parents=True)
    fields = {
        "model_type": c.architecture,
        "hidden_size": c.hidden,
        "intermediate_size": c.ffn,
        "num_hidden_layers": c.n_layers,
        "num_attention_heads": c.n_heads,
        "num_key_value_heads": c.n_kv_heads,
        "head_dim": c.head_dim,
        "vocab_size": c.vocab_size,
        "max_position_embeddings": c.context_length,
        "rope_theta": c.rope_theta,
        "rms_norm_eps" if c.family.norm == "rms" else "norm_epsilon": c.norm_eps,
        "tie_word_embeddings": not w.has("head"),
        "sliding_window": c.window or None,
        "eos_token_id": 277,
    }
    if c.rope_scale != 1:
        fields["rope_scaling"] = {"rope_type": "linear", "factor": c.rope_scale}
    (folder / "config.json").write_text(json.dumps(fields))
    byte_tokenizer().save(str(folder / "tokenizer.json"))
    tensors = {_hub_name(c, name): _hub_values(c, name, v) for name, v in w.tensors.items()}
    if shards == 1:
        save_file(tensors, folder / "model.safetensors")
        return folder
    mapping = {}
    for index in range(shards):
        name = f"model-{index + 1:05}-of-{shards:05}.safetensors"
        part = {key: tensors[key] for key in sorted(tensors)[index::shards]}
        save_file(part, folder / name)
        mapping |= dict.fromkeys(part, name)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": mapping}))
    return folder


def _hub_name(c: ModelConfig, name: str) -> str:
    ending = "bias" if name.endswith("_bias") else "weight"
    name = name.removesuffix("_bias")
    top = {"embed": "model.embed_tokens", "head": "lm_head", "final_norm": "model.norm"}
    if name in top:
        return f"{top[name]}.{ending}"
    layer, part = name.split(".")
    inner = {
        "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
        "q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj",
        "o": "self_attn.o_proj", "gate": "mlp.gate_proj",
        "up": "mlp.up_proj" if c.family.gated else "mlp.c_fc",
        "down": "mlp.down_proj" if c.family.gated else "mlp.c_proj",
    }[part]  # fmt: skip
    return f"model.layers.{layer}.{inner}.{ending}"


def _hub_values(c: ModelConfig, name: str, values: np.ndarray) -> np.ndarray:
    return values - 1 if c.family.norm_plus_one and name.endswith("norm") else values


def logits(w: RandomWeights, ids: list[int]) -> np.ndarray:
    """Reference logits of every row by the published formulas, in float64, without a KV cache."""
    c, t = w.config, {name: value.astype(np.float64) for name, value in w.tensors.items()}

    def affine(x, name):
        bias = t.get(f"{name}_bias")
        return x @ t[name].T + (0 if bias is None else bias)

    def norm(x, name):
        if c.family.norm == "layer":
            x = x - x.mean(-1, keepdims=True)
            variance = (x**2).mean(-1, keepdims=True)
            return x / np.sqrt(variance + c.norm_eps) * t[name] + t[f"{name}_bias"]
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + c.norm_eps) * t[name]

    def turn(x):
        """Rotary embedding as complex multiplication: pair i is (i, i + half)."""
        half = c.head_dim // 2
        frequency = c.rope_theta ** (-np.arange(half) / half)
        if c.rope_divisors:
            frequency = frequency / np.array(c.rope_divisors)
        angle = np.outer(np.arange(len(ids)) / c.rope_scale, frequency)[:, None]
        z = (x[..., :half] + 1j * x[..., half:]) * np.exp(1j * angle)
        return np.concatenate([z.real, z.imag], -1)

    def gelu(x):
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

    def active(x):
        return x / (1 + np.exp(-x)) if c.family.activation == "silu" else gelu(x)

    x = t["embed"][ids] * (math.sqrt(c.hidden) if c.family.scaled_embedding else 1)
    n = len(ids)
    distance = np.arange(n)[:, None] - np.arange(n)
    visible = (distance >= 0) & (distance < (c.window or n))
    for i in range(c.n_layers):
        y = norm(x, f"{i}.attn_norm")
        q = turn(affine(y, f"{i}.q").reshape(n, c.n_heads, c.head_dim))
        k = turn(affine(y, f"{i}.k").reshape(n, c.n_kv_heads, c.head_dim))
        v = affine(y, f"{i}.v").reshape(n, c.n_kv_heads, c.head_dim)
        mixed = []
        for head in range(c.n_heads):
            group = head // (c.n_heads // c.n_kv_heads)
            scores = q[:, head] @ k[:, group].T / math.sqrt(c.head_dim)
            scores = np.where(visible, scores, -np.inf)
            share = np.exp(scores - scores.max(-1, keepdims=True))
            mixed.append(share / share.sum(-1, keepdims=True) @ v[:, group])
        x = x + affine(np.concatenate(mixed, -1), f"{i}.o")
        y = norm(x, f"{i}.ffn_norm")
        if c.family.gated:
            y = active(affine(y, f"{i}.gate")) * affine(y, f"{i}.up")
        else:
            y = active(affine(y, f"{i}.up"))
        x = x + affine(y, f"{i}.down")
    return norm(x, "final_norm") @ t.get("head", t["embed"]).T
