"""Code on the model card of a cascade that loads both models with onnxruntime and tokenizers alone."""

from __future__ import annotations

PLAIN_CASCADE = """\
With onnxruntime and tokenizers alone; whoever loads `{file}` alone gets the first model, which is worse:

```python
import json

import numpy as np
import onnxruntime
from tokenizers import Tokenizer


def read(folder):
    with open(f"{{folder}}/manifest.json", encoding="utf-8") as stream:
        manifest = json.load(stream)
    tokenizer = Tokenizer.from_file(f"{{folder}}/tokenizer.json")
    tokenizer.enable_truncation(manifest["max_length"])
    session = onnxruntime.InferenceSession(f"{{folder}}/{{manifest['model']}}", providers=manifest["providers"])
    return manifest, tokenizer, session


def probabilities(model, temperature, *texts):
    manifest, tokenizer, session = model
    encoding = tokenizer.encode(*texts)
    made = {{"input_ids": encoding.ids, "attention_mask": encoding.attention_mask, "token_type_ids": encoding.type_ids}}
    feed = {{name: np.array([made[name]], dtype=np.int64) for name in manifest["inputs"]}}
    (logits,) = session.run(["{output}"], feed)
    weights = np.exp((logits[0] - logits[0].max()) / temperature)
    return weights / weights.sum()


folder = "."  # this folder
first, rule = read(folder), json.load(open(f"{{folder}}/manifest.json", encoding="utf-8"))["cascade"]
larger = read(f"{{folder}}/{{rule['larger']['folder']}}")
found = probabilities(first, rule["temperature"], {texts})
if found.max() < rule["confidence"]:
    found = probabilities(larger, rule["larger"]["temperature"], {texts})
print(first[0]["labels"][int(found.argmax())], found.max())
```"""
