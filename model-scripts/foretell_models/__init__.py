"""Models for the Foretell language server: from a published checkpoint to a verified bundle.

The modules in the order in which a model passes through them:

- `catalogue`, `fetch`: which models are known, and how their files get here.
- `gguf_reader`, `gguf_weights`, `safetensors_weights`: a checkpoint as a `Weights` source.
- `quantize`, `recipe`: how each matrix is stored.
- `graph`, `static_graph`: the decoder as ONNX.
- `tokenizer`, `special_tokens`: the vocabulary as `tokenizer.json`.
- `importer`, `bundle`: all of it as a folder that the server can load.
- `session`, `verify`: does it run, and how fast.
"""

__version__ = "0.1.0"
