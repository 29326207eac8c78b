"""A loaded model: texts in, answers out. It may be called from several threads at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from compactor.runtime.answers import TAGS, VECTOR, read_answer
from compactor.runtime.interface import Interface
from compactor.runtime.texts import Texts, Tokens, tokenize


class Model:
    """Texts in, answers out: labels, numbers, spans or embeddings, as the interface says.

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

    def __call__(self, texts: Texts, pairs: Texts | None = None, *, batch_size: int | None = None) -> Any:
        """Answer one text or many.

        Args:
            texts: one text, or a sequence of texts; too long ones are cut to the model's `max_length`.
            pairs: the second sentence of each, for a model that compares two.
            batch_size: answer so many at once, padded to the longest of them.

        Returns:
            The answer to one text, or a list of them for a sequence. Classification: `{"label", "score"}`, the score being the
            probability, 0 to 1. Multi-label: a list of these, likeliest first, perhaps empty. Regression: the same form, the score
            being the number. Token classification: a list of `{"label", "score", "start", "end", "text"}` in order of the text.

        Raises:
            TypeError: something is not a text.
            ValueError: pairs are missing, not wanted, or not as many as texts; or the model gives embeddings, see `embed`.
        """
        if self.interface.answer == VECTOR:
            raise ValueError(f"a model for {self.interface.task} gives no labels: use embed()")
        answers = [
            read_answer(self.interface.answer, output, self.labels, tokens)
            for tokens, output in self._outputs(texts, pairs, batch_size)
        ]
        return answers[0] if isinstance(texts, str) else answers

    def logits(self, texts: Texts, pairs: Texts | None = None, *, batch_size: int | None = None) -> Any:
        """Return the raw scores, float32 (texts, labels); one text gives one row. Arguments and errors as for a call.

        A model that tags words gives a list: for each text (tokens, labels), special tokens included, as `encode` has them.
        """
        found = [output for _, output in self._outputs(texts, pairs, batch_size)]
        if self.interface.answer == TAGS:
            return found
        return np.stack(found) if found else np.zeros((0, self._width()), dtype=np.float32)

    def embed(self, texts: Texts, *, batch_size: int | None = None) -> np.ndarray:
        """Return the embeddings of texts, float32 (texts, width), of length 1: their products are their cosines.

        Raises:
            TypeError: something is not a text.
            ValueError: the model gives labels, not embeddings.
        """
        if self.interface.answer != VECTOR:
            raise ValueError(f"a model for {self.interface.task} gives no embeddings: call it, or use logits()")
        vectors: np.ndarray = self.logits(texts, batch_size=batch_size)
        return vectors

    def encode(self, texts: Texts, pairs: Texts | None = None) -> list[dict[str, list[int]]]:
        """Return what the model is fed, for each text: token ids and the rest by name of the graph's input, unpadded."""
        return [tokens.inputs for tokens in tokenize(self._tokenizer, self.interface, texts, pairs)]

    def _outputs(self, texts: Texts, pairs: Texts | None, batch_size: int | None) -> Iterator[tuple[Tokens, np.ndarray]]:
        """Yield each text's tokens with what the graph gives for it: (labels,), or (tokens, labels) without padding."""
        if batch_size is not None and batch_size < 1:
            raise ValueError(f"batch_size must be 1 or more, not {batch_size}")
        for batch in self._batches(texts, pairs, batch_size or 1):
            for tokens, row in zip(batch, self._answered(batch), strict=True):
                yield tokens, row[: len(tokens.inputs["input_ids"])] if self.interface.answer == TAGS else row

    def _answered(self, batch: list[Tokens]) -> np.ndarray:
        """Return what the graph gives for some texts at once, padded to the longest of them: (texts, ...)."""
        return self._run(self._pad([tokens.inputs for tokens in batch]))

    def _width(self) -> int:
        """Return how many numbers the graph gives for a text."""
        width = self._session.get_outputs()[0].shape[-1]
        return width if isinstance(width, int) else len(self.labels)

    def _batches(self, texts: Texts, pairs: Texts | None, batch_size: int) -> Iterator[list[Tokens]]:
        waiting: list[Tokens] = []
        for tokens in tokenize(self._tokenizer, self.interface, texts, pairs):
            waiting.append(tokens)
            if len(waiting) == batch_size:
                yield waiting
                waiting = []
        if waiting:
            yield waiting

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

    def __repr__(self) -> str:
        about = self.interface
        return f"<compactor.Model {about.task}, {len(self.labels)} labels, {about.precision}, {self.providers[0]}>"
