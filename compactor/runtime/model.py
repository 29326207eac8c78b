"""A loaded model: texts in, answers out. It may be called from several threads at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np

from compactor.runtime.interface import Interface
from compactor.runtime.texts import Texts, encode

CLASSIFICATION = "text-classification"


class Model:
    """Texts in, labels out.

    Texts are answered one by one and without padding, unless `batch_size` is given: the answers of a dynamically quantized model
    depend on padding and on the other texts of the batch.
    """

    def __init__(self, interface: Interface, tokenizer: Any, session: Any) -> None:
        self.interface = interface
        self._tokenizer, self._session = tokenizer, session

    @property
    def labels(self) -> tuple[str, ...]:
        """The label names in id order."""
        return self.interface.labels

    @property
    def providers(self) -> tuple[str, ...]:
        """The execution providers that onnxruntime uses, the first before the others."""
        return tuple(self._session.get_providers())

    @overload
    def __call__(self, texts: str, pairs: str | None = None, *, batch_size: int | None = None) -> dict[str, Any]: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(
        self, texts: Sequence[str], pairs: Sequence[str] | None = None, *, batch_size: int | None = None
    ) -> list[dict[str, Any]]: ...
    def __call__(self, texts: Texts, pairs: Texts | None = None, *, batch_size: int | None = None) -> Any:
        """Answer one text or many.

        Args:
            texts: one text, or a sequence of texts; too long ones are cut to the model's `max_length`.
            pairs: the second sentence of each, for a model that compares two.
            batch_size: answer so many at once, padded to the longest of them.

        Returns:
            `{"label", "score"}` for one text, a list of them for a sequence; the score is the probability, 0 to 1.

        Raises:
            TypeError: something is not a text.
            ValueError: pairs are missing, not wanted, or not as many as texts.
        """
        if self.interface.task != CLASSIFICATION:
            raise ValueError(f"a model for {self.interface.task} gives no labels: use logits()")
        answers = [self._answer(row) for row in self.logits(texts, pairs, batch_size=batch_size)]
        return answers[0] if isinstance(texts, str) else answers

    def logits(self, texts: Texts, pairs: Texts | None = None, *, batch_size: int | None = None) -> np.ndarray:
        """Return the raw scores, float32 (texts, labels); one text gives one row. Arguments and errors as for a call."""
        if batch_size is not None and batch_size < 1:
            raise ValueError(f"batch_size must be 1 or more, not {batch_size}")
        found = [self._run(batch) for batch in self._batches(texts, pairs, batch_size or 1)]
        return np.concatenate(found) if found else np.zeros((0, len(self.labels)), dtype=np.float32)

    def encode(self, texts: Texts, pairs: Texts | None = None) -> list[dict[str, list[int]]]:
        """Return what the model is fed, for each text: token ids and the rest by name of the graph's input, unpadded."""
        return list(encode(self._tokenizer, self.interface, texts, pairs))

    def _batches(self, texts: Texts, pairs: Texts | None, batch_size: int) -> Iterator[dict[str, np.ndarray]]:
        waiting: list[dict[str, list[int]]] = []
        for row in encode(self._tokenizer, self.interface, texts, pairs):
            waiting.append(row)
            if len(waiting) == batch_size:
                yield self._pad(waiting)
                waiting = []
        if waiting:
            yield self._pad(waiting)

    def _pad(self, rows: list[dict[str, list[int]]]) -> dict[str, np.ndarray]:
        longest = max(len(row["input_ids"]) for row in rows)
        fill = {"input_ids": self.interface.pad_id}
        feed = {}
        for name in self.interface.inputs:
            feed[name] = np.full((len(rows), longest), fill.get(name, 0), dtype=np.int64)
            for number, row in enumerate(rows):
                feed[name][number, : len(row[name])] = row[name]
        return feed

    def _run(self, feed: dict[str, np.ndarray]) -> np.ndarray:
        (answer,) = self._session.run([self.interface.output], feed)
        return np.asarray(answer, dtype=np.float32)

    def _answer(self, logits: np.ndarray) -> dict[str, Any]:
        weights = np.exp(logits.astype(np.float64) - logits.max())
        best = int(logits.argmax())
        return {"label": self.labels[best], "score": float(weights[best] / weights.sum())}

    def __repr__(self) -> str:
        about = self.interface
        return f"<compactor.Model {about.task}, {len(self.labels)} labels, {about.precision}, {self.providers[0]}>"
