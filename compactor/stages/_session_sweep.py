"""Sweeps the session options of a bundle in the making, and writes the best into its manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compactor.base.atomic import read_json, write_json
from compactor.base.finding import Finding

if TYPE_CHECKING:
    from compactor.stages._contract import Work

MANIFEST = "manifest.json"


def recommend(work: Work, texts: list[str] | None) -> None:
    """Measure the variants here and replace `session` in the manifest; `work.facts` gets what was tried.

    Args:
        work: `folder` holds the bundle.
        texts: answered one by one while timing; without any, made-up ids of the target's middle length.

    When this machine says nothing about the target's speed, the target's own options stay, and a finding says so.
    """
    from compactor.measuring.result import Subject
    from compactor.measuring.runner import LocalRunner
    from compactor.measuring.sweep import sweep

    manifest = read_json(work.folder / MANIFEST)
    evidence = LocalRunner().evidence(work.target)
    if evidence.kind is None or not _has_provider(work.target.provider):
        reason = evidence.reason or f"onnxruntime here has no {work.target.provider}"
        work.reporter.finding(
            Finding(
                "B106",
                "note",
                f"session options were not swept: {reason}",
                "run `compactor bench BUNDLE --sweep --write` on the device",
            )
        )
        return
    subject = Subject(manifest["name"], work.folder / manifest["model"], manifest, tokens=manifest.get("vocab_size") or 2)
    swept = sweep(subject, work.target, reporter=work.reporter, samples=_encoded(work, manifest, texts))
    for finding in swept.findings:
        work.reporter.finding(finding)
    write_json(work.folder / MANIFEST, {**manifest, "session": swept.session_block()})
    work.facts["session_sweep"] = {"best": swept.best, "steps": swept.steps, "measured_on": swept.measured_on}


def _has_provider(provider: str) -> bool:
    import onnxruntime

    return provider in onnxruntime.get_available_providers()


def _encoded(work: Work, manifest: dict[str, Any], texts: list[str] | None) -> list[Any] | None:
    """Return the token ids of some texts, each an int64 array (length,)."""
    if not texts:
        return None
    import numpy as np
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(work.folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(manifest["max_length"])
    return [np.array(tokenizer.encode(text).ids, dtype=np.int64) for text in texts]
