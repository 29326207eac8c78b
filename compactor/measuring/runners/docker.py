"""Workers in a container: the target's image on this machine, with its own Python and onnxruntime."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.environment import machine
from compactor.base.errors import CompactorError, MissingError, StageError, disk_error
from compactor.measuring.evidence import Evidence, ThisMachine, architecture, local_evidence
from compactor.measuring.runners._contract import Runner, with_weights
from compactor.measuring.runners._ssh_errors import last_line
from compactor.measuring.worker_file import worker_file

if TYPE_CHECKING:
    from compactor.targets import Target

THERE = "/compactor"
LIMIT_SECONDS = 120
FOLDER_MODE, FILE_MODE = 0o755, 0o644  # the image's user is another one, and the umask here may leave others nothing
# Nothing that the model needs, and everything that a stray image could misuse, is taken away.
CONFINED = (
    "--network",
    "none",
    "--read-only",
    "--cap-drop",
    "ALL",
    "--security-opt",
    "no-new-privileges",
    "--pids-limit",
    "256",
)
# How docker and podman find their engine. They are the client's alone: a container sees what `--env` names and nothing else.
FINDS_ENGINE = (
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_CONFIG",
    "DOCKER_CERT_PATH",
    "DOCKER_TLS",
    "DOCKER_TLS_VERIFY",
    "DOCKER_API_VERSION",
    "CONTAINER_HOST",
    "CONTAINER_CONNECTION",
    "CONTAINER_SSHKEY",
    "CONTAINERS_CONF",
    "CONTAINERS_STORAGE_CONF",
    "SSH_AUTH_SOCK",
    "DBUS_SESSION_BUS_ADDRESS",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "USERPROFILE",
)


class DockerRunner(Runner):
    """Runs each worker in a container of its own, without network; files come in through a folder that is read-only inside.

    The container shares this machine's processor, so a measurement is worth what one outside is worth. An image for another
    architecture is emulated by the engine: its answers count and its times do not.
    """

    kind = "docker"
    keeps = FINDS_ENGINE

    def __init__(self, image: str, *, gpu: bool = False) -> None:
        """Remember the image; it must be there, nothing is pulled. `gpu` gives the container the machine's GPUs."""
        self.image, self.gpu = image, gpu
        self.place_name = f"container {image}"
        self._machine = ""
        self._opened = ExitStack()
        self._shared = Path()
        self._placed: dict[tuple[Path, int], str] = {}

    @property
    def timed(self) -> bool:  # type: ignore[override]
        """Whether the container runs on this machine's own architecture."""
        return self._machine in ("", architecture(machine()["machine"]))

    def open(self) -> None:
        """Look for the engine and the image, and make the shared folder.

        Raises:
            MissingError: M230 no docker, M231 no engine, M232 no such image here.
        """
        if shutil.which("docker") is None:
            raise MissingError("M230", "there is no docker command here", "install Docker or podman-docker, or use --via local")
        found = _docker("version", "--format", "{{.Server.Version}}")
        if found.returncode != 0:
            raise MissingError(
                "M231", f"docker has no engine to talk to: {last_line(found.stderr)}", "start the engine, or use --via local"
            )
        found = _docker("image", "inspect", "--format", "{{.Architecture}}", self.image)
        if found.returncode != 0:
            raise MissingError(
                "M232", f"there is no image {self.image} here", f"docker pull {self.image}, or build it; see docker/"
            )
        self._machine = architecture(found.stdout.strip())
        with ExitStack() as opening:
            self._shared = Path(opening.enter_context(tempfile.TemporaryDirectory(prefix="compactor-docker-")))
            self._shared.chmod(FOLDER_MODE)
            self._placed = {}
            self.place(worker_file())
            self._opened = opening.pop_all()

    def close(self) -> None:
        """Remove the shared folder; the containers went with their workers (`--rm`)."""
        self._opened.close()

    def command(self) -> list[str]:
        """Return the command that starts a container whose stdin and stdout are a worker's."""
        mount = f"type=bind,source={self._shared},target={THERE},readonly"
        given = ("--env", "ORT_DISABLE_TELEMETRY=1", "--env", "OMP_NUM_THREADS=1", "--tmpfs", "/tmp")  # noqa: S108 - inside
        run = ["docker", "run", "--rm", "--interactive", "--pull", "never", *CONFINED, *given, "--mount", mount]
        run += ["--gpus", "all"] if self.gpu else []
        return [*run, "--entrypoint", "python3", self.image, self.place(worker_file())]

    def place(self, path: Path) -> str:
        """Copy a file, and the weights that lie beside a model, into the shared folder."""
        path = path.absolute()
        known = (path, path.stat().st_mtime_ns)
        if known not in self._placed:
            folder = self._shared / str(len(self._placed))
            try:
                folder.mkdir()
                folder.chmod(FOLDER_MODE)
                for each in with_weights(path):
                    Path(shutil.copyfile(each, folder / each.name)).chmod(FILE_MODE)
            except OSError as error:
                raise disk_error(error, folder) from error
            self._placed[known] = f"{THERE}/{folder.name}/{path.name}"
        return self._placed[known]

    def machine(self) -> dict[str, Any]:
        """Describe this machine, with the container's architecture."""
        return {**machine(), "machine": self._machine}

    def evidence(self, target: Target | ThisMachine) -> Evidence:
        """Judge as outside the container; another architecture is emulated by the engine."""
        if self.timed:
            return local_evidence(target, self.machine(), where=self.place_name)
        if target.machine not in ("any", self._machine):
            return Evidence(None, f"the target {target.name} is {target.machine}, {self.place_name} is {self._machine}")
        return Evidence(
            "emulated", f"{self.place_name} is {self._machine}, which the container engine emulates: no times, no memory"
        )

    def death(self, name: str, code: int, last: str) -> CompactorError | None:
        """Tell a container that could not start from a worker that died."""
        if code in (125, 126, 127):
            hint = "the image needs python3, onnxruntime and numpy; see docker/"
            return StageError("M233", f"{self.place_name} could not start a worker for {name}: {last}", hint)
        return None


def _docker(*words: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["docker", *words], capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 1, "", f"no answer within {LIMIT_SECONDS} s")
