"""Starts the process that is timed: compactor's own worker for an ONNX file; for a Model2Vec folder, the same worker around its runtime.

    python worker.py WORKER.PYZ MODEL2VEC_PYTHON        the first line on stdin is the job, see compactor/measuring/worker

Either way loop, clock, warm-up, affinity and counters are the worker's; what differs is who answers.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any


class Stdin:
    """The commands, with the line in front that was already read."""

    def __init__(self, first: str) -> None:
        self.lines: Iterator[str] = iter((first,))

    def readline(self) -> str:
        """Return the next line, empty at the end."""
        return next(self.lines, None) or sys.__stdin__.readline()


class Session:
    """A Model2Vec pipeline with the two methods of an onnxruntime session that the worker asks for."""

    def __init__(self, folder: Path) -> None:
        from model2vec.inference import StaticModelPipeline

        self.pipeline = StaticModelPipeline.from_pretrained(folder)
        self.tokenize = self.pipeline.model.tokenize

    def get_outputs(self) -> list[Any]:
        """Return no names: nobody asks this session for its answers."""
        return []

    def run(self, names: None, feed: dict[str, Any]) -> Any:
        """Answer token ids (1, length): the whole of `predict_proba` but for the tokenizer."""
        del names
        self.pipeline.model.tokenize = lambda *given, **named: [feed["input_ids"][0].tolist()]
        return self.pipeline.predict_proba([""])

    def answer_text(self, text: str) -> Any:
        """Answer a text as an app does."""
        self.pipeline.model.tokenize = self.tokenize
        return self.pipeline.predict_proba([text])


def load(job: dict[str, Any]) -> tuple[Session, dict[str, Any]]:
    """Load a pipeline as the worker loads a graph; `model` is the folder's weights."""
    from compactor.measuring.worker import session
    from compactor.measuring.worker.counters import peak_memory_bytes

    cores = session._bind(job.get("affinity"), job.get("threads", 1))
    memory, begun = {"python": peak_memory_bytes()}, time.perf_counter_ns()
    import model2vec

    imported = time.perf_counter_ns()
    memory["runtime"] = peak_memory_bytes()
    made = Session(Path(job["model"]).parent)
    memory["load"] = peak_memory_bytes()
    return made, {
        "inputs": [{"name": "input_ids", "type": "tensor(int64)", "shape": ["batch", "sequence"]}],
        "outputs": [],
        "import_ms": (imported - begun) / 1e6,
        "load_ms": (time.perf_counter_ns() - imported) / 1e6,
        "providers": [job["provider"]],
        "assignment": None,
        "cores": cores,
        "versions": {"model2vec": model2vec.__version__, "python": ".".join(map(str, sys.version_info[:3]))},
        "memory_bytes": memory,
    }


def read_texts(command: dict[str, Any], inputs: list[dict[str, Any]], answerer: Any) -> list[Any]:
    """Return one call a text."""
    del inputs
    texts = json.loads(Path(command["path"]).read_text(encoding="utf-8"))
    return [partial(answerer.session.answer_text, text) for text in texts]


def main() -> int:
    """Read the job and become the right process."""
    packed, python, *given = sys.argv[1:]
    line = given[0] if given else sys.stdin.readline()
    if line and not given and not json.loads(line)["model"].endswith(".onnx"):
        os.execv(python, [python, __file__, packed, python, line])
    sys.path.insert(0, packed)
    sys.stdin = Stdin(line)  # type: ignore[assignment]
    from compactor.measuring.worker import conversation

    if given:
        conversation.load, conversation.read_texts = load, read_texts
    return conversation.main()


if __name__ == "__main__":
    sys.exit(main())
