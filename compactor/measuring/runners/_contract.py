"""What every runner does: say how a worker is started where it runs, bring files there, and clean up behind itself."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from compactor.base.environment import machine
from compactor.base.errors import CompactorError
from compactor.measuring.evidence import Evidence, ThisMachine, local_evidence

if TYPE_CHECKING:
    from typing import Self

    from compactor.targets import Target


class Runner:
    """Starts workers on one machine. A `with` block opens it and, however it ends, leaves nothing behind there; blocks may nest.

    The worker talks in lines of JSON over stdin and stdout, so a runner is little more than the command that reaches them: a
    Python here, the same behind `ssh`, behind an emulator, in a container, or a bridge to a page in a browser.

    Attributes:
        kind: `local`, `ssh`, `emulated`, `docker` or `browser`.
        place_name: where it runs, for people: `pi@board`.
        timed: False where times and memory would say nothing; then only answers may be asked for.
        keeps: names of the environment variables by which `command()` finds its way; a worker starts without all the others.
    """

    kind = "local"
    place_name = "this machine"
    timed = True
    keeps: tuple[str, ...] = ()
    _held = 0

    def command(self) -> list[str]:
        """Return the command, run on this machine, whose stdin and stdout are a worker's."""
        raise NotImplementedError

    def place(self, path: Path) -> str:
        """Bring a file to where a worker can read it, and return its path there.

        Raises:
            CompactorError: it cannot be brought there; the disk is full, the connection is gone.
        """
        return str(path.absolute())

    def machine(self) -> dict[str, Any]:
        """Describe the machine that the workers run on, as `base.environment.machine` does for this one."""
        return machine()

    def evidence(self, target: Target | ThisMachine) -> Evidence:
        """Say what a measurement there is worth for a target."""
        return local_evidence(target, self.machine())

    def death(self, name: str, code: int, last: str) -> CompactorError | None:
        """Explain why a worker ended before its time; None when this runner knows no more than its exit status.

        Args:
            name: of the model.
            code: exit status of `command()`.
            last: last line of its stderr.
        """
        return None

    def open(self) -> None:
        """Open the way there and check that a worker can run."""

    def close(self) -> None:
        """Remove what was brought there."""

    def __enter__(self) -> Self:
        """Open it, unless it is open: a caller may hold it open over several measurements."""
        if self._held == 0:
            self.open()
        self._held += 1
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close it when the outermost block ends."""
        self._held -= 1
        if self._held == 0:
            self.close()


def with_weights(path: Path) -> list[Path]:
    """Return a file and, for a model, its external weights, which lie beside it under a name that begins with the model's."""
    if path.suffix != ".onnx":
        return [path]
    beside = (each for each in path.parent.iterdir() if each.name.startswith((f"{path.name}_", f"{path.name}.")))
    return [path, *sorted(beside)]
