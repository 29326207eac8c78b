"""Reads the job and the commands from stdin, one JSON line each, and answers each with one line on stdout."""

from __future__ import annotations

import base64
import json
import os
import signal
import sys
import time
from typing import Any

from compactor.measuring.worker import counters, timing
from compactor.measuring.worker.answering import Answerer
from compactor.measuring.worker.energy import gpu_memory_bytes
from compactor.measuring.worker.session import FallbackError, ProviderMissingError, load
from compactor.measuring.worker.texts import UnsupportedError, read_texts

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # must stand before onnxruntime is imported, else it writes to the home folder


def main() -> int:
    """Load the model of the first line, then answer commands until stdin ends; return the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's; it closes stdin
    # Nothing that a library prints may get between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def reply(**fields: Any) -> None:
        answers.write(json.dumps(fields) + "\n")
        answers.flush()

    line = sys.stdin.readline()
    if not line:
        return 0
    job = json.loads(line)
    try:
        session, ready = load(job)
    except ProviderMissingError as error:
        reply(kind="error", reason="provider", message=str(error))
        return 4
    except FallbackError as error:
        reply(kind="error", reason="fallback", message=str(error))
        return 4
    except Exception as error:  # the parent turns it into a sentence that names the model
        reply(kind="error", reason="load", message=f"{type(error).__name__}: {error}")
        return 1
    reply(kind="ready", **ready)
    work = Work(Answerer(session, job), ready["inputs"])
    while line := sys.stdin.readline():
        command = json.loads(line)
        try:
            reply(kind=command["do"], **work.obey(command))
        except UnsupportedError as error:
            reply(kind="error", reason="unsupported", message=str(error))
        except Exception as error:  # an input that the graph does not take; told, not hidden
            reply(kind="error", reason="run", message=f"{type(error).__name__}: {error}")
    return 0


class Work:
    """A session with its inputs, and what can be asked of it."""

    def __init__(self, answerer: Answerer, inputs: list[dict[str, Any]]) -> None:
        """Start without inputs; `feeds` and `texts` bring them."""
        self.answerer = answerer
        self.inputs = inputs
        self.feeds: dict[str, list[dict[str, Any]]] = {}
        self.runs: dict[str, list[timing.Run]] = {}

    def obey(self, command: dict[str, Any]) -> dict[str, Any]:
        """Do one command; return the fields of its answer."""
        do, cell = command["do"], command.get("cell", "")
        if do == "feeds":
            return self._take_feeds(command["path"])
        if do == "texts":
            self.runs[cell] = read_texts(command, self.inputs, self.answerer)
            return {"cells": {cell: len(self.runs[cell])}}
        if do == "first":
            return timing.first(self.runs[cell])
        if do == "warm":
            return timing.warm(self.runs[cell], command["seconds"])
        if do == "burst":
            return timing.burst(self.runs[cell], command["feeds"], command["discard"])
        if do == "flood":
            return timing.flood(self.runs[cell], command["seconds"], command["at_ns"], self.answerer.on_gpu)
        if do == "mix":
            return timing.mix(self.runs[cell], command["runs"])
        if do == "answers":
            return {"outputs": [_packed(self.answerer.answer(feed)) for feed in self.feeds[cell]]}
        return self._look()

    def _take_feeds(self, path: str) -> dict[str, Any]:
        self.feeds.update(read_feeds(path))
        for cell, feeds in self.feeds.items():
            self.runs[cell] = [self.answerer.prepared(feed) for feed in feeds]
        return {"cells": {cell: len(feeds) for cell, feeds in self.feeds.items()}}

    def _look(self) -> dict[str, Any]:
        return {
            "peak_memory_bytes": counters.peak_memory_bytes(),
            "resident_memory_bytes": counters.resident_memory_bytes(),
            "gpu_memory_bytes": gpu_memory_bytes() if self.answerer.on_gpu else None,
            "pressure_us": counters.pressure_us(),
            "busy_ns": counters.busy_ns(),
            "process_ns": time.process_time_ns(),
            "governor": counters.governor(),
            "clock_us": time.monotonic_ns() // 1000,
        }


def read_feeds(path: str) -> dict[str, list[dict[str, Any]]]:
    """Read the inputs of all cells: {cell: [{input: array}]}, each array owned by this process."""
    import numpy

    cells: dict[str, dict[int, dict[str, Any]]] = {}
    with numpy.load(path) as stored:
        for key in stored.files:
            cell, index, name = key.split("|", 2)
            cells.setdefault(cell, {}).setdefault(int(index), {})[name] = numpy.ascontiguousarray(stored[key])
    return {cell: [items[index] for index in sorted(items)] for cell, items in cells.items()}


def _packed(outputs: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return arrays as JSON without loss: dtype, shape and the bytes in base64, little-endian as onnxruntime gives them."""
    return {
        name: {"dtype": str(array.dtype), "shape": list(array.shape), "base64": base64.b64encode(array.tobytes()).decode()}
        for name, array in outputs.items()
    }
