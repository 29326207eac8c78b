"""The limits that decide pass or fail, judged on the measured row that was packaged."""

from __future__ import annotations

from typing import Any

from compactor.base.settings import Settings, setting


class Budget(Settings):
    """Limits of a profile; any of them may be absent."""

    accuracy_drop: float | None = setting(
        None, "most that the main metric may fall below the teacher's (0.01 = one point)", ge=0
    )
    latency_ms: float | None = setting(None, "longest median time for one text of real length, batch 1, in milliseconds", gt=0)
    size_mb: float | None = setting(None, "largest size of all that the app ships, in megabytes (10^6 bytes)", gt=0)


def judge(budget: Budget, row: dict[str, Any], teacher: dict[str, Any]) -> dict[str, Any]:
    """Compare a row with the limits.

    Returns:
        `limits`; `met` (True only if every limit was judged and kept); `missed`: a list of `{limit, allowed, value, sentence}`,
        where `value` is None for a limit that could not be judged because nothing was measured on this target.
    """
    limits = {name: value for name, value in budget.model_dump().items() if value is not None}
    values = {
        "accuracy_drop": _drop(row, teacher),
        "latency_ms": real_length_p50(row),
        "size_mb": row["size_bytes"] / 1e6 if row["size_bytes"] is not None else None,
    }
    missed = []
    for name, allowed in limits.items():
        value = values[name]
        if value is None:
            sentence = f"{name} is limited to {allowed:g} and was not measured on this target"
        elif value <= allowed:
            continue
        else:
            sentence = f"{name} is {value:.4g}, the limit is {allowed:g}"
        missed.append({"limit": name, "allowed": allowed, "value": value, "sentence": sentence})
    return {"limits": limits, "met": not missed, "missed": missed}


def real_length_p50(row: dict[str, Any]) -> float | None:
    """Return the median milliseconds of a row for one text of real length (`length` is `data`), or None."""
    for cell in row["latency_ms"] or []:
        if cell["batch"] == 1 and cell["length"] == "data":
            value: float | None = cell["p50"]
            return value
    return None


def _drop(row: dict[str, Any], teacher: dict[str, Any]) -> float | None:
    if row["quality"] is None or teacher["quality"] is None:
        return None
    # Rounded to what counting rows can resolve, so that 0.01 is not missed by 0.010000000000000009.
    return round(float(teacher["quality"]["value"] - row["quality"]["value"]), 9)
