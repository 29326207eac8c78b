"""Model2Vec: a static model distilled from the encoder, fine-tuned on the labels by its own classifier; and its table in int8."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from _given import main, rows, settings
from model2vec.distill import distill
from model2vec.inference import StaticModelPipeline
from model2vec.model import quantize_model
from model2vec.train import StaticModelForClassification

SHIPPED = ("model.safetensors", "head.safetensors", "tokenizer.json", "config.json")


def make(work: Path, folder: Path, variant: str) -> dict[str, Any]:
    """Distill and fine-tune, or quantize what was; ship; return the answers to the test split as the saved pipeline gives them."""
    if variant == "int8":
        pipeline = StaticModelPipeline.from_pretrained(folder.with_name("model2vec-default"))
        pipeline.model = quantize_model(pipeline.model, quantize_to="int8")
    else:
        pipeline = trained(work)
    pipeline.save_pretrained(str(folder))
    for path in folder.iterdir():
        if path.name not in SHIPPED:  # the model card
            path.unlink()
    texts, _ = rows(work, "test")
    pipeline = StaticModelPipeline.from_pretrained(folder)
    one_by_one = [pipeline.predict([text])[0] for text in texts]
    return {
        "predicted": [int(label) for label in one_by_one],
        "dtype": str(pipeline.model.embedding.dtype),
        "max_length": pipeline.model.max_length,
    }


def trained(work: Path) -> StaticModelPipeline:
    """Distill from the encoder and train on the labels; the profile's validation rows decide when to stop."""
    model = StaticModelForClassification.from_static_model(model=distill(settings(work)["encoder"]))
    (texts, labels), (held_texts, held_labels) = rows(work, "train"), rows(work, "validation")
    model.fit(texts, [str(label) for label in labels], X_val=held_texts, y_val=[str(label) for label in held_labels])
    return model.to_pipeline()


if __name__ == "__main__":
    main(make, ("model2vec", "torch", "transformers", "numpy"))
