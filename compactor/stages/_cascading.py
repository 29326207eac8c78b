"""How a cascade is made: answers on validation rows, temperatures, the threshold, and the folder."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from compactor.base.atomic import read_json, write_bytes, write_json
from compactor.base.errors import StageError, disk_error
from compactor.base.finding import Finding
from compactor.cascading.temperature import calibration_error, confidence, fit_temperature
from compactor.cascading.threshold import Choice, applied, choose

if TYPE_CHECKING:
    import numpy as np

    from compactor.stages._contract import Work
    from compactor.stages.cascade import Cascade

LARGER, INTERFACE, MODEL = "larger", "interface.json", "model.onnx"
RECORD = "artifact.json"
# A cascade whose first level answers fewer is not worth its bytes; one whose last level answers fewer hardly needs it.
HARDLY = 0.01


def join(settings: Cascade, smaller: Path, larger: Path, work: Work) -> None:
    """Put two ONNX folders into one, the larger below `larger/`, with the rule in interface.json."""
    if read_json(smaller / "labels.json") != read_json(larger / "labels.json"):
        raise StageError("C283", "the two models of the cascade have other labels", "name a step of the same chain")
    answers = [_answers(work, smaller), _answers(work, larger)]
    temperatures, choice = _calibrated(settings, answers, work)
    _copy(smaller, work.folder)
    _copy(larger, work.folder / LARGER)
    rule = {
        "confidence": choice.confidence,
        "temperature": temperatures[0],
        "larger": {"folder": LARGER, "temperature": temperatures[1]},
    }
    write_json(work.folder / INTERFACE, {**read_json(smaller / INTERFACE), "schema": 2, "cascade": rule})
    _tell(work, settings, choice, ["the smaller model", "the larger model"])


def stop_early(settings: Cascade, source: Path, work: Work) -> None:
    """Write a graph that stops at its first sure exit, instead of one that computes all of them."""
    import onnx

    from compactor.cascading.branches import Exit, with_exits

    interface = read_json(source / INTERFACE)
    last, *exits = interface["outputs"]
    if not exits:
        raise StageError("C284", f"{source.name} has no early exits", "set export: {exits: true} after a distill with exits")
    answers = [*(_answers(work, source, name) for name in exits), _answers(work, source, last)]
    temperatures, choice = _calibrated(settings, answers, work)
    rules = [Exit(name, temperature) for name, temperature in zip(exits, temperatures, strict=False)]
    graph = with_exits(onnx.load(str(source / MODEL)), rules, confidence=choice.confidence, temperature=temperatures[-1])
    _copy(source, work.folder)
    write_bytes(work.folder / MODEL, graph.SerializeToString(deterministic=True))
    rule = {
        "confidence": choice.confidence,
        "temperature": temperatures[-1],
        "exits": [{"output": each.output, "temperature": each.temperature} for each in rules],
    }
    outputs = {last: interface["outputs"][last]}
    write_json(work.folder / INTERFACE, {**interface, "outputs": outputs, "cascade": rule})
    _check_early(answers, temperatures, choice, work)
    _tell(work, settings, choice, [*(name.replace("_", " ") for name in exits), "the last layer"])


def _answers(work: Work, folder: Path, output: str | None = None) -> np.ndarray:
    """Return the logits of the validation rows, each given alone and unpadded, float32 (rows, labels)."""
    from compactor.measuring.quality import predict
    from compactor.stages._inputs import encoded

    rows = encoded(work, folder, "validation")
    return predict(folder, rows, threads=work.threads, reporter=work.reporter, output=output)


def _calibrated(settings: Cascade, answers: Sequence[np.ndarray], work: Work) -> tuple[list[float], Choice]:
    """Fit a temperature to each level's answers and choose the threshold; keep all figures."""
    import numpy as np

    labels = work.data.validation.labels
    temperatures = [fit_temperature(each, labels) for each in answers]
    right = np.stack([each.argmax(axis=1) == labels for each in answers])
    sure = np.stack([confidence(each, of) for each, of in zip(answers, temperatures, strict=True)])
    if settings.confidence == "auto":
        choice = choose(sure[:-1], right, settings.max_drop)
    else:
        choice = applied(sure[:-1], right, settings.confidence)
    raw = [confidence(each, 1.0) for each in answers]
    work.facts["cascade"] = {
        "larger": settings.larger,
        "confidence": choice.confidence,
        "temperatures": [round(each, 6) for each in temperatures],
        "calibration_error": [
            {"before": round(calibration_error(one, hits), 6), "after": round(calibration_error(other, hits), 6)}
            for one, other, hits in zip(raw, sure, right, strict=True)
        ],
        "validation": {
            "coverage": choice.coverage,
            "shares": list(choice.shares),
            "value": choice.accuracy,
            "alone": [float(each.mean()) for each in right],
            "rows": len(labels),
        },
    }
    return temperatures, choice


def _check_early(answers: Sequence[np.ndarray], temperatures: Sequence[float], choice: Choice, work: Work) -> None:
    """Prove that the graph which stops early answers as the rule says of the graph that computes all exits.

    Raises:
        StageError: C285 it does not.
    """
    import numpy as np

    from compactor.cascading.threshold import levels

    sure = np.stack([confidence(each, of) for each, of in zip(answers[:-1], temperatures, strict=False)])
    chosen = levels(sure, choice.confidence)
    scaled = np.stack([each / np.float32(of) for each, of in zip(answers, temperatures, strict=True)])
    found, expected = _answers(work, work.folder), scaled[chosen, np.arange(len(chosen))]
    same = float((found.argmax(axis=1) == expected.argmax(axis=1)).mean())
    difference = float(np.abs(found - expected).max())
    work.facts["cascade"]["parity"] = {"rows": len(found), "same_label": same, "largest_difference": difference}
    if same < 1.0:
        sentence = f"the graph that stops early answers {1 - same:.2%} of the validation rows otherwise than its exits do"
        raise StageError("C285", sentence, "quantize with method: static-int8, or leave cascade out")


def _tell(work: Work, settings: Cascade, choice: Choice, names: Sequence[str]) -> None:
    alone = work.facts["cascade"]["validation"]["alone"]
    shares = ", ".join(f"{name} {share:.1%}" for name, share in zip(names, choice.shares, strict=True))
    figure = f"{work.task.metric} {choice.accuracy:.4f}, alone {', '.join(f'{each:.4f}' for each in alone)}"
    work.reporter.say(f"      answered on validation by {shares} (from a probability of {choice.confidence:.3f} on): {figure}")
    if choice.coverage < HARDLY:
        sentence = f"{names[-1]} answers {1 - choice.coverage:.1%} of the texts of validation: the rest costs time and size for nothing"
        work.reporter.finding(Finding("C280", "warning", sentence, "allow a larger max_drop, or a better first model"))
    elif choice.shares[-1] < HARDLY:
        sentence = f"{names[-1]} answers {choice.shares[-1]:.1%} of the texts of validation: what is before it is as good within the drop"
        work.reporter.finding(Finding("C281", "note", sentence, "ship the cheap one alone, or allow a smaller max_drop"))
    if settings.confidence != "auto" and alone[-1] - choice.accuracy > settings.max_drop:
        sentence = f"with the confidence that is set the cascade falls {alone[-1] - choice.accuracy:.4f} below {names[-1]} on validation"
        work.reporter.finding(Finding("C282", "note", sentence, "set a higher confidence, or confidence: auto"))


def _copy(source: Path, folder: Path) -> None:
    """Copy an ONNX folder, without the store's record of it."""
    folder.mkdir(exist_ok=True)
    for path in sorted(source.iterdir()):
        if path.is_file() and path.name != RECORD:
            try:
                shutil.copyfile(path, folder / path.name)
            except OSError as error:
                raise disk_error(error, folder / path.name) from error
