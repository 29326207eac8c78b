"""Write the bundle that an app loads, and prove it: copied elsewhere, loaded by a fresh process that has no torch."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from compactor.base.artifact import Artifact
from compactor.base.errors import CompactorError, StageError, disk_error
from compactor.base.finding import Finding
from compactor.base.paths import under
from compactor.base.settings import setting
from compactor.stages._contract import Stage, Work

if TYPE_CHECKING:
    from compactor.data import Rows

COPY = "bundle elsewhere"  # with a blank, as folders of users have


class Package(Stage):
    """The last stage: `onnx` → `bundle`."""

    takes: ClassVar[frozenset[str]] = frozenset({"onnx", "cascade"})
    gives: ClassVar[str] = "bundle"
    version: ClassVar[int] = 5
    uses_target: ClassVar[bool] = True
    uses_profile: ClassVar[bool] = True
    once: ClassVar[bool] = True

    name: str | None = setting(None, "name of the model on its card; the profile's name by default", min_length=1)
    golden: int = setting(
        16, "validation texts kept in golden.json beside the awkward ones; 0 when the data is private", ge=0, le=1000
    )
    sweep: bool = setting(
        False, "try session options (threads, graph level, spinning, arena) on this machine, and recommend the fastest"
    )
    license: str | None = setting(None, "licence of the model, in SPDX terms; read from the teacher's own files by default")
    data_license: str | None = setting(None, "licence of the data, in SPDX terms")

    def run(self, source: Artifact | None, work: Work) -> None:
        """Build, then verify; raises StageError B104 when the bundle does not answer as it was built."""
        from compactor.bundle import build

        assert source is not None
        profile = _parsed(work.profile_text)
        texts, pairs, images = _examples(work.data.validation, self.golden)
        work.facts.update(
            build(
                source.folder,
                work.folder,
                target=work.target,
                name=self.name or str(profile.get("name") or "model"),
                texts=texts,
                pairs=pairs,
                images=images,
                profile_text=work.profile_text,
                made=_made(source),
                model_licence=self.license or _teacher_licence(profile, work),
                data_licence=self.data_license,
            )
        )
        if self.sweep:
            self._recommend(work, texts, pairs)
        self._prove(work)

    def _recommend(self, work: Work, texts: list[str], pairs: list[str] | None) -> None:
        """Write the session options that answer soonest into the manifest, with what they were measured on."""
        from compactor.stages._session_sweep import recommend

        recommend(work, texts if pairs is None else None)

    def _prove(self, work: Work) -> None:
        """Copy the bundle elsewhere, and let a fresh process without torch verify the copy."""
        from compactor.bundle.fresh import verify_fresh

        provider = _provider(work)
        elsewhere = work.checkpoints / COPY
        shutil.rmtree(elsewhere, ignore_errors=True)
        try:
            _copy(work.folder, elsewhere)
            found = verify_fresh(elsewhere, provider=provider)
        finally:
            shutil.rmtree(elsewhere, ignore_errors=True)
        if not found["passed"]:
            failed = [f"{check['name']}: {check['sentence']}" for check in found["checks"] if check["status"] == "failed"]
            loaded = [f"it loads {package}" for package in found.get("loaded", [])]
            reason = "; ".join([*failed, *loaded]) or found.get("died", "")
            raise StageError(
                "B104", f"the bundle does not pass its own test ({reason})", "run the stage again with --redo package"
            )
        work.facts["verified"] = [check["name"] for check in found["checks"]]


def _copy(source: Path, target: Path) -> None:
    """Copy a folder file by file; `shutil.copytree` would not say that the disk is full, but list every file that failed."""
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        place = target / path.relative_to(source)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
        except OSError as error:
            raise disk_error(error, place) from error


def _provider(work: Work) -> str | None:
    """Return the CPU where this machine lacks the target's provider, and say that the bundle was not tried on the target's."""
    import onnxruntime

    wanted = work.target.provider
    if wanted in onnxruntime.get_available_providers():
        return None
    work.reporter.finding(
        Finding(
            "B105",
            "warning",
            f"the bundle was verified on the CPU: onnxruntime here has no {wanted}",
            "run `compactor verify` on the target",
        )
    )
    return "CPUExecutionProvider"


def _examples(rows: Rows, count: int) -> tuple[list[str], list[str] | None, list[Path]]:
    """Return texts from all over the validation split, and their second sentences if it has any; or images."""
    import numpy as np

    chosen = rows.select(np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows)), dtype=np.int64)))
    if chosen.images:
        return [], None, [Path(place) for place in chosen.places()]
    return chosen.texts(), chosen.pairs(), []


def _made(source: Artifact) -> dict[str, Any]:
    """Return what the bundle was made from."""
    sources = source.record.get("sources", {})
    return {
        "stage": source.stage,
        "key": source.key,
        "sources": {name: key for name, key in sources.items() if isinstance(key, str)},
        "versions": source.record.get("versions", {}),
    }


def _parsed(profile_text: str) -> dict[str, Any]:
    from ruamel.yaml import YAML

    found = YAML(typ="safe", pure=True).load(profile_text) if profile_text else None
    return found if isinstance(found, dict) else {}


def _teacher_licence(profile: dict[str, Any], work: Work) -> str | None:
    """Return the licence that the teacher's own files state, if it is a folder here."""
    from compactor.bundle.licenses import stated_licence

    steps = [
        step["teacher"]
        for step in profile.get("stages", [])
        if isinstance(step, dict) and isinstance(step.get("teacher"), dict)
    ]
    named = steps[0].get("model") if steps else None
    if not named:
        return None
    folder = next((place for near in (Path(), *work.near) if (place := under(near, str(named))).is_dir()), None)
    try:
        return stated_licence(folder) if folder else None
    except (OSError, CompactorError):
        return None
