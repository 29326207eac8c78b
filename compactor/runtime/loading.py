"""Open a folder: read its description, its tokenizer if it reads texts, and its graph, with what the runtime here can do."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.errors import CompactorError, MissingError
from compactor.runtime.interface import GRAPH_LEVELS, Interface, read_interface

if TYPE_CHECKING:
    from collections.abc import Sequence

    from compactor.runtime.model import Model

# Must stand before onnxruntime is imported, wherever that happens: else it sends telemetry and writes into the home folder.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

ERRORS_ONLY = 3  # onnxruntime's log level


def load(folder: str | os.PathLike[str], *, threads: int | None = None, providers: Sequence[str] | None = None) -> Model:
    """Load a bundle, or a plain ONNX folder with interface.json.

    Args:
        folder: where manifest.json or interface.json lies. Hashes are not checked here: see `compactor verify`.
        threads: threads of the session; by default what the bundle recommends, at most the cores that this process may use.
        providers: execution providers in order of preference; by default the bundle's. The first must be there: nothing falls
            back silently.

    Returns:
        A model that may be called from several threads at once; of images if the folder's is one, see `ImageModel`.

    Raises:
        MissingError: T201 a file is missing, T203 onnxruntime is too old, T204 the provider is not there.
        CompactorError: T202 the description, T205 the tokenizer or T206 the graph cannot be read.
    """
    interface = read_interface(Path(folder))
    if threads is not None and threads < 1:
        raise ValueError(f"threads must be 1 or more, not {threads}")
    if interface.image is not None:
        from compactor.runtime.image_model import ImageModel

        return ImageModel(interface, None, _session(interface, threads, providers))
    from compactor.runtime.model import Model

    tokenizer, session = _tokenizer(interface), _session(interface, threads, providers)
    if interface.cascade is None:
        return Model(interface, tokenizer, session)
    from compactor.runtime.cascade import Cascade

    below = interface.folder / interface.cascade.folder
    if read_interface(below).cascade is not None:
        raise CompactorError("T202", f"{below}, the larger model of a cascade, is a cascade itself", "build the bundle again")
    larger = load(below, threads=threads, providers=providers)
    return Cascade(interface, tokenizer, session, interface.cascade, larger)


def _tokenizer(interface: Interface) -> Any:
    """Read tokenizer.json; what it says of padding and truncation gives way to the description."""
    from tokenizers import Tokenizer

    path = interface.folder / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the Rust library raises bare Exception
        raise CompactorError(
            "T205", f"{path} cannot be read: {error}", "copy the folder again from where it was built"
        ) from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(interface.max_length)
    return tokenizer


def _session(interface: Interface, threads: int | None, providers: Sequence[str] | None) -> Any:
    import onnxruntime

    from compactor.base.environment import cores_allowed

    _check_version(interface, onnxruntime.__version__)
    wanted = [providers] if isinstance(providers, str) else list(providers or interface.providers)
    if not wanted:
        raise ValueError("providers must name at least one execution provider")
    _check_provider(wanted[0], onnxruntime.get_available_providers())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or min(interface.threads, cores_allowed())
    options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, GRAPH_LEVELS[interface.graph_level])
    options.enable_cpu_mem_arena = interface.arena
    # Idle threads that spin take the time of whoever else works on the machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if interface.spinning else "0")
    try:
        session = onnxruntime.InferenceSession(str(interface.model), options, providers=wanted)
    except Exception as error:  # onnxruntime's classes share no base but Exception
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise CompactorError(
            "T206", f"onnxruntime {onnxruntime.__version__} cannot load {interface.model}: {first}", "run: compactor verify"
        ) from error
    used = session.get_providers()
    if used[0] != wanted[0]:
        raise MissingError("T204", f"{wanted[0]} could not be started, onnxruntime took {used[0]}", _provider_hint(wanted[0]))
    return session


def _check_version(interface: Interface, version: str) -> None:
    oldest = interface.oldest_onnxruntime
    if oldest and _numbers(version) < _numbers(oldest):
        sentence = f"{interface.folder} needs onnxruntime {oldest} or newer, here is {version}"
        raise MissingError("T203", sentence, f'pip install "onnxruntime>={oldest}"')


def _check_provider(wanted: str, available: list[str]) -> None:
    if wanted not in available:
        raise MissingError("T204", f"onnxruntime here has no {wanted}, only {', '.join(available)}", _provider_hint(wanted))


def _provider_hint(wanted: str) -> str:
    packages = {"CUDAExecutionProvider": "onnxruntime-gpu", "TensorrtExecutionProvider": "onnxruntime-gpu"}
    install = f"pip install {packages[wanted]}, or " if wanted in packages else ""
    return f'{install}load(folder, providers=["CPUExecutionProvider"])'


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])
