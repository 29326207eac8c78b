"""Two models that look like one: the smaller answers what it is sure of, the larger one the rest."""

from __future__ import annotations

from typing import Any

import numpy as np

from compactor.runtime.answers import confidence
from compactor.runtime.interface import Interface, Rule
from compactor.runtime.model import Model
from compactor.runtime.texts import Texts, Tokens


class Cascade(Model):
    """A smaller and a larger model with the same labels, and the rule between them.

    Each text of a batch is decided for itself; those that the smaller model is unsure of are tokenized anew, by the larger one's own
    tokenizer, and answered together. Logits are divided by the temperature of the model that answered, so that probabilities of the
    two mean the same.
    """

    def __init__(self, interface: Interface, tokenizer: Any, session: Any, rule: Rule, larger: Model) -> None:
        super().__init__(interface, tokenizer, session)
        self.rule, self.larger = rule, larger

    def confidences(self, texts: Texts, pairs: Texts | None = None, *, batch_size: int | None = None) -> np.ndarray:
        """Return how sure the smaller model is of each text, float64 (texts,), 0 to 1; below `rule.confidence` the larger one answers."""
        batches = self._batches(texts, pairs, batch_size or 1)
        found = [confidence(super(Cascade, self)._answered(batch), self.rule.temperature) for batch in batches]
        return np.concatenate(found) if found else np.zeros(0)

    def _answered(self, batch: list[Tokens]) -> np.ndarray:
        rule = self.rule
        found = super()._answered(batch)
        unsure = np.flatnonzero(confidence(found, rule.temperature) < rule.confidence)
        found = found / np.float32(rule.temperature)
        if len(unsure):
            texts = [batch[row].text for row in unsure]
            pairs = [batch[row].pair or "" for row in unsure] if self.interface.pair else None
            found[unsure] = self.larger.logits(texts, pairs, batch_size=len(unsure)) / np.float32(rule.larger_temperature)
        return found

    def __repr__(self) -> str:
        return f"<compactor.Cascade {super().__repr__()}, then {self.larger!r}>"
