"""TF-IDF of word and character n-grams: what the linear models see of texts, in any script."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# Above this many rows the character n-grams of all texts do not fit into memory.
MOST_ROWS_WITH_CHARACTERS = 20_000


def ngram_features(texts: Sequence[str], *, longest: int) -> Any:
    """Return the vectorizers for these texts, unfitted: word 1-2-grams and in-word character n-grams that stand in two texts or more.

    Scripts without spaces and product codes may have no word that occurs twice; then the characters alone are taken, and of texts
    that have nothing in common all their characters' n-grams.

    Args:
        texts: what the vectorizers will be fitted on.
        longest: character n-grams have 2 to so many characters.
    """
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, dtype=np.float32)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, longest), sublinear_tf=True, min_df=2, dtype=np.float32)
    of_words = [words] if _recurs(words, texts) else []
    if of_words and len(texts) > MOST_ROWS_WITH_CHARACTERS:
        return make_union(*of_words)
    if not _recurs(characters, texts):
        characters.set_params(min_df=1)
    return make_union(*of_words, characters)


def _recurs(vectorizer: Any, texts: Sequence[str]) -> bool:
    """Whether an n-gram stands in two texts; on most sets the first few texts tell."""
    terms, known = vectorizer.build_analyzer(), set[str]()
    for text in texts:
        found = set(terms(text))
        if not known.isdisjoint(found):
            return True
        known |= found
    return False
