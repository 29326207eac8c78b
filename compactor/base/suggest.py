"""The nearest known name to a misspelt one."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like a misspelt one, or None where none is."""
    import difflib  # only who misspells pays for it

    folded = {_fold(candidate): candidate for candidate in sorted(set(known))}
    near = difflib.get_close_matches(_fold(name), folded, n=1, cutoff=0.6)
    return folded[near[0]] if near else None


def did_you_mean(name: str, known: Iterable[str], *, most: int = 12) -> str:
    """Return `did you mean 'x'?`, else the list of what is known (at most `most` names), else an empty string."""
    names = sorted(set(known))
    near = nearest(name, names)
    if near is not None:
        return f"did you mean {near!r}?"
    if not names:
        return ""
    listed = ", ".join(names[:most]) + (", ..." if len(names) > most else "")
    return f"one of {listed}" if len(names) > 1 else f"only {listed} is known"


def _fold(name: str) -> str:
    """Make `Learning-Rate` and `learning_rate` the same."""
    return name.lower().replace("-", "_").replace(" ", "_")
