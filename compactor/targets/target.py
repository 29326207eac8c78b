"""The description of a device, read from YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from compactor.base.errors import CompactorError
from compactor.base.settings import Settings, setting

Precision = Literal["fp32", "fp16", "bf16", "int8", "int4"]
SHIPPED = Path(__file__).parent


class Target(Settings):
    """One device class: what it is, what it can run, and what to measure on it."""

    name: str = setting(doc="short name, used in profiles")
    title: str = setting(doc="one line for people")
    machine: Literal["x86_64", "aarch64", "any"] = setting(doc="processor architecture, as `uname -m` prints it")
    form: Literal["laptop", "server", "board", "any"] = setting("any", doc="what kind of machine; decides measured or proxy")
    instructions: tuple[str, ...] = setting((), doc="instruction sets that must be there, such as avx2 or asimddp")
    int8_dot_product: bool = setting(True, doc="has 8-bit dot products (VNNI, asimddp); without them 7-bit weights are used")
    provider: str = setting("CPUExecutionProvider", doc="onnxruntime execution provider")
    precisions: tuple[Precision, ...] = setting(("fp32", "int8"), doc="precisions the provider has kernels for")
    threads: int = setting(1, doc="threads of one session", ge=1)
    spinning: bool = setting(False, doc="let idle onnxruntime threads spin; only for a server that runs nothing else")
    memory_mb: int | None = setting(None, doc="memory of the device", ge=16)
    oldest_onnxruntime: str = setting("1.16", doc="oldest runtime in the field; decides opset and IR version")
    batches: tuple[int, ...] = setting((1,), doc="batch sizes to measure")
    lengths: tuple[int, ...] = setting((16, 64, 128), doc="sequence lengths to measure")

    @property
    def opset(self) -> int:
        """The ONNX opset to export: 17, whose graphs onnxruntime fuses most widely, or 14 for runtimes that do not load it yet."""
        major, minor = (int(part) for part in self.oldest_onnxruntime.split(".")[:2])
        return 17 if (major, minor) >= (1, 13) else 14


def target_names() -> list[str]:
    """Names of the shipped targets."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def load_target(name: str, folders: tuple[Path, ...] = ()) -> Target:
    """Read a shipped target by name, or a user's own YAML file by path (tried in each of `folders`)."""
    from ruamel.yaml import YAML

    path = SHIPPED / f"{name}.yaml"
    if name.endswith((".yaml", ".yml")):
        path = next((folder / name for folder in (Path(), *folders) if (folder / name).is_file()), Path(name))
    if not path.is_file():
        raise CompactorError(
            "P140", f"there is no target {name}", f"one of {', '.join(target_names())}, or a path to a YAML file"
        )
    return Target.model_validate(YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8")))
