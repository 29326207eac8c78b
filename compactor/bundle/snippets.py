"""Code on the model card that loads the bundle: in Python with and without compactor, with Optimum, in JavaScript."""

from __future__ import annotations

from typing import Any

from compactor.bundle.layout import MODEL_FOLDER, javascript_dtype

COMPACTOR = """\
With compactor (`pip install compactor`: onnxruntime, tokenizers, numpy):

```python
import compactor

model = compactor.load(".")  # this folder
{call}
```"""

PLAIN = """\
With onnxruntime and tokenizers alone:

```python
import json

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

folder = "."  # this folder
with open(f"{{folder}}/manifest.json", encoding="utf-8") as stream:
    manifest = json.load(stream)
tokenizer = Tokenizer.from_file(f"{{folder}}/tokenizer.json")
tokenizer.enable_truncation(manifest["max_length"])
session = onnxruntime.InferenceSession(f"{{folder}}/{{manifest['model']}}", providers=manifest["providers"])

encoding = tokenizer.encode({texts})
made = {{"input_ids": encoding.ids, "attention_mask": encoding.attention_mask, "token_type_ids": encoding.type_ids}}
feed = {{name: np.array([made[name]], dtype=np.int64) for name in manifest["inputs"]}}
({output},) = session.run(["{output}"], feed)
{read}
```"""

OPTIMUM = """\
With Optimum (`optimum-onnx`):

```python
from optimum.onnxruntime import {optimum}
from transformers import AutoTokenizer

model = {optimum}.from_pretrained(".", subfolder="{subfolder}", file_name="{file}")
tokenizer = AutoTokenizer.from_pretrained(".")
```"""

JAVASCRIPT = """\
With transformers.js, in Node or a browser:

```js
import {{ env, pipeline }} from "@huggingface/transformers";

env.allowRemoteModels = false;
env.localModelPath = "..";  // the folder that holds this one
const answer = await pipeline("{pipeline}", "{name}", {{ dtype: "{dtype}" }});  // the name of this folder
console.log(await answer({texts}{options}));
```

transformers.js 4.3.1 gives the ids and answers of golden.json except for texts of more than {max_length} tokens: it cuts after it has
added the special tokens, and so loses the last of them. Cut such texts yourself."""

JAVASCRIPT_PAIR = """\
With transformers.js, in Node or a browser:

```js
import {{ AutoModelForSequenceClassification, AutoTokenizer, env }} from "@huggingface/transformers";

env.allowRemoteModels = false;
env.localModelPath = "..";  // the folder that holds this one
const tokenizer = await AutoTokenizer.from_pretrained("{name}");  // the name of this folder
const model = await AutoModelForSequenceClassification.from_pretrained("{name}", {{ dtype: "{dtype}" }});
const {{ logits }} = await model(tokenizer("the first sentence", {{ text_pair: "the second sentence", truncation: true }}));
console.log(logits.tolist());
```

transformers.js 4.3.1 gives the ids and answers of golden.json except for texts of more than {max_length} tokens: it cuts after it has
added the special tokens, and so loses the last of them. Cut such texts yourself."""


# By what the output means: a call with compactor and what it gives; how plain Python reads the first row of the output;
# Optimum's class; what transformers.js is told besides the text.
READS = {
    "class": (
        'print(model({texts}))  # {{"label": ..., "score": ...}}',
        'print(manifest["labels"][int(logits[0].argmax())])',
        "ORTModelForSequenceClassification",
        "",
    ),
    "classes": (
        'print(model({texts}))  # [{{"label": ..., "score": ...}}, ...], the labels above one half',
        'print([label for label, logit in zip(manifest["labels"], logits[0]) if logit > 0])',
        "ORTModelForSequenceClassification",
        ", {{ top_k: null }}",
    ),
    "number": (
        'print(model({texts})["score"])  # the number',
        "print(float(logits[0, 0]))",
        "ORTModelForSequenceClassification",
        ', {{ function_to_apply: "none" }}',
    ),
    "tags": (
        'print(model({texts}))  # [{{"label": ..., "score": ..., "start": ..., "end": ..., "text": ...}}, ...]',
        'for token, tag in zip(encoding.tokens, logits[0].argmax(axis=-1)):\n    print(token, manifest["labels"][int(tag)])',
        "ORTModelForTokenClassification",
        "",
    ),
    "vector": (
        "print(model.embed({texts}).shape)  # (texts, width), each of length 1",
        "print(embedding[0])",
        "",
        "",
    ),
}


def loading(manifest: dict[str, Any]) -> str:
    """Return the section of the card that shows how to load this bundle.

    Args:
        manifest: content of manifest.json.
    """
    texts = '"the first sentence", "the second sentence"' if manifest["pair"] else '"some text"'
    call, read, optimum, options = READS[manifest["answer"]]
    values = {
        "texts": texts,
        "call": call.format(texts=texts),
        "read": read,
        "optimum": optimum,
        "options": options.format(),
        "pipeline": manifest["pipeline_tag"],
        "output": next(iter(manifest["outputs"])),
        "subfolder": MODEL_FOLDER,
        "file": manifest["model"].removeprefix(f"{MODEL_FOLDER}/"),
        "dtype": javascript_dtype(manifest["precision"]),
        "name": "bundle",
        "max_length": manifest["max_length"],
    }
    code = [COMPACTOR, PLAIN]
    # A student of compactor's own family reads ids alone; Optimum and transformers.js do not know its configuration. For embeddings
    # both pool the states themselves, and this graph has done so.
    if list(manifest["inputs"]) != ["input_ids"] and manifest["answer"] != "vector":
        code += [OPTIMUM, JAVASCRIPT_PAIR if manifest["pair"] else JAVASCRIPT]
    return "\n\n".join(["## Load it", *[text.format(**values) for text in code]])
