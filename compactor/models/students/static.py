"""A bag of piece embeddings: no layers, the sum of a text's piece vectors over the root of their number, and a small head."""

from __future__ import annotations

from typing import Literal

from compactor.base.settings import setting
from compactor.models.students._piece_vectors import FIRST, First, PieceVectorStudent


class StaticStudent(PieceVectorStudent):
    """Piece vectors, weighted, summed and divided by the root of their number; then a head.

    A text's order does not matter to it, nor which of two sentences a piece is in. Related to Model2Vec (sentence vectors by the
    same first vectors, without the training on a teacher's answers) and fastText's classifier.
    """

    family: Literal["static"] = setting("static", "kind of student")
    hidden: int = setting(256, "width of the piece vectors", ge=1)
    head: int = setting(512, "width of the head's one hidden layer; 0 for none", ge=0)
    init: First = setting("encoder", FIRST)
    frequency: float = setting(
        1e-3,
        "a in the first weight a / (a + p) of a piece that makes the share p of all pieces; 0 gives all pieces the weight 1",
        ge=0,
    )
    bigrams: int = setting(0, "rows of a second table for hashed pairs of neighbouring pieces; 0 for none", ge=0)
    dropout: float = setting(0.1, "of text vectors and the hidden layer, while training", ge=0, lt=1)
