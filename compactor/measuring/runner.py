"""A running worker: one process that holds one model, spoken to in lines of JSON. Where it runs is the runner's business."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from types import TracebackType
from typing import Any

from compactor.base.errors import CompactorError, MissingError, StageError
from compactor.measuring.runners import LocalRunner, Runner

__all__ = ["LocalRunner", "Runner", "UnsupportedError", "Worker"]

# Nothing of the caller's environment that changes how threads start or what onnxruntime does.
KEPT_ENVIRONMENT = ("PATH", "HOME", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "CUDA_VISIBLE_DEVICES", "LANG")


class UnsupportedError(Exception):
    """The worker's machine cannot do what was asked; the figure stays unmeasured, with this reason."""


class Worker:
    """A running worker, spoken to in lines of JSON; the caller waits in a read and costs no processor time."""

    def __init__(self, runner: Runner, name: str, job: dict[str, Any]) -> None:
        """Start the process and load the model.

        Args:
            runner: where to run.
            name: of the model, for sentences.
            job: see worker/__init__.py; `model` is already placed.

        Raises:
            MissingError: the execution provider is not there or another one was taken.
            StageError: the model cannot be loaded, or the process died.
        """
        self.name = name
        self._runner = runner
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        environment = {key: os.environ[key] for key in (*KEPT_ENVIRONMENT, *runner.keeps) if key in os.environ}
        environment |= {"ORT_DISABLE_TELEMETRY": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        self._process = subprocess.Popen(
            runner.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, env=environment, text=True
        )
        try:
            self.ready = self.ask(job)
        except BaseException:
            self.close()
            raise

    @property
    def process_id(self) -> int:
        """The operating system's number of the process."""
        return self._process.pid

    @property
    def is_here(self) -> bool:
        """Whether it runs on the machine of this process, which then is part of what the machine does."""
        return self._runner.kind != "ssh"

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send one line, sleep until the answer is there, and return it.

        Raises:
            UnsupportedError: its machine cannot do this.
            CompactorError: the model cannot be run, or the process died.
        """
        self.send(message)
        return self.receive()

    def send(self, message: dict[str, Any]) -> None:
        """Send one line and do not wait: several workers shall work at one time."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._death() from None

    def receive(self) -> dict[str, Any]:
        """Sleep until the answer to what was sent is there, and return it."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.endswith("\n"):
            raise self._death()
        answer: dict[str, Any] = json.loads(line)
        if answer["kind"] == "error" and answer["reason"] == "unsupported":
            raise UnsupportedError(answer["message"])
        if answer["kind"] == "error":
            raise self._refusal(answer)
        return answer

    def close(self) -> None:
        """End the process; it ends by itself when its stdin is closed."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:
                    continue
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _refusal(self, answer: dict[str, Any]) -> MissingError | StageError:
        if answer["reason"] == "provider":
            return MissingError(
                "M101",
                f"{self.name} was not measured: {answer['message']}",
                "install the onnxruntime of the target, or name another target",
            )
        if answer["reason"] == "fallback":
            return MissingError(
                "M116",
                f"{self.name} was not measured: {answer['message']}",
                "choose a precision or an export that the provider has kernels for, or set allow_cpu_fallback: true in the target",
            )
        doing = "loaded" if answer["reason"] == "load" else "run"
        return StageError(
            "M102",
            f"{self.name} cannot be {doing} by onnxruntime: {answer['message']}",
            "check the model with `compactor verify`",
        )

    def _death(self) -> CompactorError:
        code = self._process.wait()
        self._errors.seek(0)
        last = self._errors.read().decode(errors="replace").strip().rpartition("\n")[2]
        known = self._runner.death(self.name, code, last)
        if known is not None:
            return known
        if code == -signal.SIGKILL or code == 137:
            return StageError(
                "M103",
                f"the process that measured {self.name} was killed",
                "memory most likely ran out: measure smaller batches, or a smaller model, or free memory",
            )
        how = f"by signal {-code}" if code < 0 else f"with status {code}"
        return StageError(
            "M104",
            f"the process that measured {self.name} ended {how}{': ' + last if last else ''}",
            "run the model with `compactor try`",
        )
