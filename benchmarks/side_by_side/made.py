"""A contender that is made: its files, its tokenizer, its answers to the test split."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Made:
    """What one contender would ship.

    Attributes:
        name: in the table.
        model: the file that is loaded: an ONNX graph, or Model2Vec's weights.
        tokenizer: its tokenizer.json.
        max_length: most tokens that it reads.
        size_bytes: of everything that an app must ship.
        about: how it was made, with versions; Model2Vec's answers too (`predicted`).
    """

    name: str
    model: Path
    tokenizer: Path
    max_length: int
    size_bytes: int
    about: dict[str, Any]

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self.tokenizer))
        tokenizer.no_padding()
        tokenizer.enable_truncation(self.max_length)
        return tokenizer

    @property
    def pieces(self) -> int:
        """Size of the vocabulary."""
        return int(self._tokenizer.get_vocab_size())

    def encode(self, text: str) -> list[int]:
        """Return the token ids that its model reads; Model2Vec's has no special tokens."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=self.model.suffix == ".onnx").ids
        return ids or [0]

    def predict(self, texts: list[str]) -> np.ndarray:
        """Return the number of the label for each text, int64 (rows,): batch 1, unpadded, one thread."""
        if "predicted" in self.about:
            return np.array(self.about["predicted"], dtype=np.int64)
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(self.model), options, providers=["CPUExecutionProvider"])
        kinds = {each.name: np.int32 if "int32" in each.type else np.int64 for each in session.get_inputs()}
        output = [session.get_outputs()[0].name]
        answers = []
        for text in texts:
            ids = np.array([self.encode(text)])
            values = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
            answers.append(session.run(output, {name: values[name].astype(kind) for name, kind in kinds.items()})[0].argmax())
        return np.array(answers, dtype=np.int64)


def made_by_peer(name: str, folder: Path, max_length: int) -> Made:
    """Read what a peer's script left; every file of its folder is shipped."""
    about = json.loads(Path(f"{folder}.json").read_text(encoding="utf-8"))
    model = next(folder / each for each in ("model.onnx", "model.safetensors") if (folder / each).is_file())
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Made(name, model, folder / "tokenizer.json", about.get("max_length", max_length), size, about)


def made_by_compactor(name: str, folder: Path, max_length: int) -> Made:
    """Read an ONNX folder or a bundle; what an app ships is counted as in compactor's reports."""
    from compactor.measuring.size import model_file, size_bytes

    manifest = folder / "manifest.json"
    about = json.loads(manifest.read_text(encoding="utf-8")) if manifest.is_file() else {}
    length = about.get("max_length", max_length)
    versions = {"compactor": about.get("compactor"), "onnxruntime": about.get("tested_onnxruntime")} if about else {}
    return Made(name, model_file(folder), folder / "tokenizer.json", length, size_bytes(folder), {"versions": versions})
