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

import os

# ONNX Runtime keeps an id of this machine and sends what it runs to its maker, unless this stands
# in the environment before it is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__version__ = "0.1.0"
