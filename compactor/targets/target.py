"""The description of a device, read from YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from compactor.base.environment import ARM_INSTRUCTIONS, AVX512_INSTRUCTIONS, X86_INSTRUCTIONS
from compactor.base.errors import Problem, ProfileError
from compactor.base.settings import Settings, setting
from compactor.base.suggest import did_you_mean
from compactor.targets.reach import HOST, Ssh
from compactor.targets.speed import Calibration, Speed

Precision = Literal["fp32", "fp16", "bf16", "int8", "int4"]
Core = Literal["cortex-a76", "cortex-a72"]
AtLeastOne = Annotated[int, Field(ge=1)]
INSTRUCTIONS = X86_INSTRUCTIONS | AVX512_INSTRUCTIONS | ARM_INSTRUCTIONS
SHIPPED = Path(__file__).parent


class Target(Settings):
    """One device class: what it is, what it can run, what to measure on it, and how it is reached."""

    name: str = setting(doc="short name, used in profiles", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    title: str = setting(doc="one line for people")
    machine: Literal["x86_64", "aarch64", "wasm32", "any"] = setting(doc="processor architecture, as `uname -m` prints it")
    system: Literal["Linux", "Darwin", "any"] = setting("any", doc="operating system, as `uname -s` prints it")
    form: Literal["laptop", "server", "board", "browser", "any"] = setting(
        "any", doc="what kind of machine; decides measured or proxy"
    )
    instructions: tuple[str, ...] = setting((), doc="instruction sets that must be there, such as avx2 or asimddp")
    without: tuple[str, ...] = setting(
        (), doc="instruction sets that the device lacks; a machine that has them is only a proxy for it"
    )
    int8_dot_product: bool = setting(True, doc="has 8-bit dot products (VNNI, asimddp); without them 7-bit weights are used")
    provider: str = setting(
        "CPUExecutionProvider", doc="onnxruntime execution provider", pattern=r"^[A-Za-z]+ExecutionProvider$"
    )
    provider_options: dict[str, str] = setting({}, doc="options of the provider, as onnxruntime spells them")
    allow_cpu_fallback: bool = setting(False, doc="let nodes that the provider has no kernel for run on the processor")
    io_binding: bool = setting(False, doc="inputs and outputs stay in the device's memory while it is timed")
    cuda_graphs: bool = setting(
        False, doc="record the kernels of a shape once and replay them; needs io_binding and fixed shapes"
    )
    precisions: tuple[Precision, ...] = setting(("fp32", "int8"), doc="precisions the provider has kernels for")
    threads: int = setting(1, doc="threads of one session", ge=1)
    spinning: bool = setting(False, doc="let idle onnxruntime threads spin; only for a server that runs nothing else")
    memory_mb: int | None = setting(
        None, doc="memory of the device, in 2^20 bytes; a model that takes more is told (M123)", ge=16
    )
    oldest_onnxruntime: str = setting(
        "1.16", doc="oldest runtime in the field; decides opset and IR version", pattern=r"^\d+\.\d+"
    )
    batches: tuple[AtLeastOne, ...] = setting((1,), doc="batch sizes to measure", min_length=1)
    lengths: tuple[AtLeastOne, ...] = setting((16, 64, 128), doc="sequence lengths to measure", min_length=1)
    int8_speedup: float | None = setting(
        None, doc="how many times fewer cycles int8 takes than fp32, by instruction count", free=True, gt=0
    )
    price_per_hour: float | None = setting(None, doc="what an hour of the device costs, for cost per answer", free=True, ge=0)
    currency: str = setting("USD", doc="of `price_per_hour`", free=True, pattern=r"^[A-Z]{3}$")
    core: Core | None = setting(None, doc="core to emulate, so that answers can be checked without the device", free=True)
    image: str | None = setting(None, doc="container image with python3, onnxruntime and numpy, for `--via docker`", free=True)
    host: str | None = setting(
        None, doc="where the device is, as ssh takes it: pi@board, or a Host of ~/.ssh/config", free=True
    )
    ssh: Ssh = setting(Ssh, doc="how to reach `host`", free=True)
    speed: Speed | None = setting(None, doc="what is published of such chips, for estimates", free=True)
    calibration: Calibration | None = setting(
        None, doc="constants measured on the device by `compactor targets calibrate`, for estimates", free=True
    )

    @field_validator("instructions", "without")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what no machine will ever report; a misspelt instruction set would make every machine unfit."""
        unknown = sorted(set(names) - INSTRUCTIONS)
        if unknown:
            raise ValueError(f"unknown instruction set {', '.join(unknown)}; known are {', '.join(sorted(INSTRUCTIONS))}")
        return names

    @field_validator("host")
    @classmethod
    def _no_option(cls, host: str | None) -> str | None:
        """Refuse a host that ssh would take for an option."""
        if host is not None and not HOST.fullmatch(host):
            raise ValueError(f"{host!r} is no host; write user@host, or a Host of ~/.ssh/config")
        return host

    @model_validator(mode="after")
    def _fits_together(self) -> Target:
        if self.cuda_graphs and not self.io_binding:
            raise ValueError("cuda_graphs replays fixed addresses: it needs io_binding: true")
        if both := sorted(set(self.instructions) & set(self.without)):
            raise ValueError(f"{', '.join(both)} cannot be both in `instructions` and in `without`")
        if self.core is not None and self.machine != "aarch64":
            raise ValueError(f"{self.core} is an aarch64 core, and machine is {self.machine}")
        return self

    @property
    def every_row(self) -> bool:
        """Whether a graph computes the last layer's rows that no head reads: fused attention, a GPU's, wants them all in one node."""
        return self.provider != "CPUExecutionProvider"

    @property
    def opset(self) -> int:
        """The ONNX opset to export: 17, whose graphs onnxruntime fuses most widely, or 14 for runtimes that do not load it yet."""
        major, minor = (int(part) for part in self.oldest_onnxruntime.split(".")[:2])
        return 17 if (major, minor) >= (1, 13) else 14


def target_names() -> list[str]:
    """Names of the shipped targets."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def load_target(name: str, folders: tuple[Path, ...] = ()) -> Target:
    """Read a shipped target by name, or a user's own YAML file by path (tried in each of `folders`).

    Raises:
        ProfileError: P140, there is no such target; P141, one problem for each thing that is wrong in the file.
    """
    path = SHIPPED / f"{name}.yaml"
    if name.endswith((".yaml", ".yml")):
        path = next((folder / name for folder in (Path(), *folders) if (folder / name).is_file()), Path(name))
    if not path.is_file():
        hint = f"{did_you_mean(name, target_names())} or a path to a YAML file"
        raise ProfileError([Problem("P140", f"there is no target {name}", hint)])
    return checked(read_target(path), str(path))


def read_target(path: Path) -> dict[str, Any]:
    """Return what a target's file says; `same_as: NAME` stands for all that the shipped NAME says, but for its name and title."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        given = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise ProfileError(
            [Problem("P141", f"{path} is not YAML: {reason.strip()}", "indent with blanks, save as UTF-8")]
        ) from error
    if not isinstance(given, dict):
        raise ProfileError([Problem("P141", f"{path} holds no settings", "see `compactor targets probe` for a whole file")])
    return resolved(given)


def resolved(given: dict[str, Any]) -> dict[str, Any]:
    """Put what `same_as` stands for in its place."""
    if "same_as" not in given:
        return given
    base = str(given["same_as"])
    if base not in target_names():
        raise ProfileError(
            [Problem("P141", f"same_as: there is no shipped target {base}", f"one of {', '.join(target_names())}")]
        )
    return read_target(SHIPPED / f"{base}.yaml") | {name: value for name, value in given.items() if name != "same_as"}


def checked(given: dict[str, Any], place: str) -> Target:
    """Return the target, or raise ProfileError P141 with everything that is wrong."""
    try:
        return Target.model_validate(given)
    except ValidationError as error:
        problems = []
        for each in error.errors():
            where = ".".join(str(part) for part in each["loc"])
            told = f"{place}: {f'{where}: ' if where else ''}{each['msg'].removeprefix('Value error, ')}"
            problems.append(Problem("P141", told, "the settings are listed in docs/targets.md"))
        raise ProfileError(problems) from error
