"""Code on the model card that loads the bundle: in Python with and without compactor, with Optimum, in JavaScript."""

from __future__ import annotations

from typing import Any

from compactor.base.images import ImageSettings
from compactor.bundle.cascade_snippet import PLAIN_CASCADE
from compactor.bundle.cascades import has_larger
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

IMAGES = """\
With compactor (`pip install "compactor[image]"`: onnxruntime, tokenizers, numpy, Pillow):

```python
import compactor

model = compactor.load(".")  # this folder
print(model("photo.jpg"))  # {{"label": ..., "score": ...}}; or a list of paths, images of Pillow, arrays
```

With onnxruntime and Pillow alone, {steps}:

```python
import json

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

folder = "."  # this folder
with open(f"{{folder}}/manifest.json", encoding="utf-8") as stream:
    manifest = json.load(stream)
image = ImageOps.exif_transpose(Image.open("photo.jpg")).convert("RGB")
{code}
session = onnxruntime.InferenceSession(f"{{folder}}/{{manifest['model']}}", providers=manifest["providers"])
({output},) = session.run(["{output}"], {{"pixel_values": pixels[None].astype(np.float32)}})
print(manifest["labels"][int({output}[0].argmax())])
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
    if manifest.get("image"):
        return "\n\n".join(["## Load it", images_code(manifest)])
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
    code = [COMPACTOR, PLAIN_CASCADE if has_larger(manifest) else PLAIN]
    # A student of compactor's own family reads ids alone; Optimum and transformers.js do not know its configuration. For embeddings
    # both pool the states themselves, and this graph has done so.
    # Of a cascade they would load the first model alone.
    if list(manifest["inputs"]) != ["input_ids"] and manifest["answer"] != "vector" and not has_larger(manifest):
        code += [OPTIMUM, JAVASCRIPT_PAIR if manifest["pair"] else JAVASCRIPT]
    return "\n\n".join(["## Load it", *[text.format(**values) for text in code]])


def images_code(manifest: dict[str, Any]) -> str:
    """Return the code that prepares an image for this bundle and asks it."""
    settings = ImageSettings.read(manifest["image"])
    lines, steps = list[str](), list[str]()
    if settings.resize is not None:
        lines.append(_resized(settings))
        steps.append("resized")
    if settings.crop is not None:
        height, width = settings.crop
        lines += [
            f"left, top = (image.width - {width}) // 2, (image.height - {height}) // 2",
            f"image = image.crop((left, top, left + {width}, top + {height}))",
        ]
        steps.append("cropped")
    lines.append("pixels = np.asarray(image, dtype=np.float32).transpose(2, 0, 1)")
    if settings.scale is not None:
        lines.append(f"pixels = pixels * {settings.scale!r}")
        steps.append("scaled")
    if settings.mean is not None:
        mean, std = (f"np.array({list(each or ())}, dtype=np.float32)[:, None, None]" for each in (settings.mean, settings.std))
        lines.append(f"pixels = (pixels - {mean}) / {std}")
        steps.append("normalized")
    return IMAGES.format(steps=", ".join(steps) or "as it is", code="\n".join(lines), output=next(iter(manifest["outputs"])))


def _resized(settings: ImageSettings) -> str:
    if isinstance(settings.resize, tuple):
        height, width = settings.resize
        return f"image = image.resize(({width}, {height}), resample={settings.resample})"
    edge = settings.resize
    return (
        "wide, high = image.size\n"
        f"size = ({edge}, int({edge} * high / wide)) if wide <= high else (int({edge} * wide / high), {edge})\n"
        f"image = image.resize(size, resample={settings.resample})"
    )
