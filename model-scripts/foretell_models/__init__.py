"""Models for the Foretell language server: from a published checkpoint to a verified bundle.

Modules, in the order in which a model passes through them:

- `catalogue`, `fetch`: the known models, and downloading their files.
- `gguf_reader`, `gguf_weights`, `safetensors_weights`: read a checkpoint as a `Weights` source.
- `quantize`, `recipe`: the storage of each matrix.
- `graph`, `static_graph`: the decoder as ONNX.
- `tokenizer`, `special_tokens`: the vocabulary as `tokenizer.json`.
- `importer`, `bundle`: the folder that the server loads.
- `session`, `verify`: run a bundle and measure its speed.
"""

import os

# ONNX Runtime stores a machine id and sends telemetry to its vendor unless this variable is set
# before the library is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__version__ = "0.1.0"
