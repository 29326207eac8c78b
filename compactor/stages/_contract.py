"""What a stage is, and what it is handed to work with."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from compactor.base.artifact import Artifact
from compactor.base.errors import Problem
from compactor.base.reporter import Reporter
from compactor.base.settings import Settings

if TYPE_CHECKING:
    from compactor.data import Data, Rows
    from compactor.targets import Target
    from compactor.tasks import Task


class Derive(Protocol):
    """Give the folder of a by-product that depends on `parts` alone, building it (in an empty folder) if it is not in the store."""

    def __call__(self, name: str, parts: dict[str, Any], build: Callable[[Path], None]) -> Path: ...


@dataclass(frozen=True)
class Ahead:
    """What a profile says of the way after a stage, for stages with `looks_ahead`.

    Attributes:
        limits: the budget's, by name; those that are absent are left out.
        stages: name and settings of the export and quantize stages that come next, in order; empty when a stage that trains comes first.
    """

    limits: Mapping[str, float] = field(default_factory=dict)
    stages: tuple[tuple[str, Stage], ...] = ()


@dataclass
class Work:
    """The handle a stage works with.

    Attributes:
        folder: empty; what the stage leaves here becomes the artifact.
        checkpoints: survives a kill and is the same folder when the same stage runs again; dropped when the stage is done.
        seed: for every random choice.
        task, target, data: what the profile names; `data` is opened at first use.
        teacher: the artifact of the `teacher` stage, for stages with `uses_teacher`.
        extra: rows without labels to train on too, made by a stage before (kind `dataset`), for stages with `uses_extra`.
        larger: the artifact of the step that `Stage.beside` names, as an ONNX folder.
        ahead: the budget and the stages that follow, for stages with `looks_ahead`.
        open_unlabelled: opens the rows of `data.unlabelled`, None without; for stages with `uses_unlabelled`.
        reporter: sentences, events, findings, progress bars.
        derive: by-products worth keeping (encoded data, teacher outputs), see `Derive`.
        threads: cores that may be used.
        near: folders against which relative paths of the profile are resolved, first match wins.
        online: the user allowed the network.
        profile_text: the profile as run, overrides applied; for stages with `uses_profile`.
        facts: JSON-able; kept in the artifact's record and shown in the report.
    """

    folder: Path
    checkpoints: Path
    seed: int
    task: Task
    target: Target
    open_data: Callable[[], Data]
    reporter: Reporter
    derive: Derive
    teacher: Artifact | None = None
    extra: Artifact | None = None
    larger: Artifact | None = None
    ahead: Ahead = field(default_factory=Ahead)
    open_unlabelled: Callable[[], Rows | None] = lambda: None
    threads: int = 1
    near: tuple[Path, ...] = ()
    online: bool = False
    profile_text: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def data(self) -> Data:
        """The splits and the label names; opened once per run."""
        return self.open_data()

    @cached_property
    def training(self) -> Rows:
        """The training rows, followed by those of `extra`, which have no label (see `compactor.data.dataset`)."""
        from compactor.data import read_dataset

        rows = self.data.train
        return rows if self.extra is None else rows.join(read_dataset(self.extra.folder, rows.labels))


class Stage(Settings):
    """One step of a profile: its settings, and how to do it.

    Class attributes:
        takes: kinds of artifact it can start from; empty for a stage that starts a chain.
        gives: kind of the artifact that it leaves, or `same` for the kind it took. A `dataset` stands beside the chain: it is made
            from data and teacher, the stage after it starts from the model before it, and stages with `uses_extra` train on it.
        version: bumped by hand when the meaning of the stage changes; part of the cache key.
        uses_teacher: the teacher's artifact is an input too, hence part of the key.
        uses_unlabelled: `data.unlabelled` is an input too, hence part of the key.
        uses_target: the target decides how the work is done (opset, weight range), hence part of the key.
        uses_profile: the profile's text goes into the result, hence part of the key.
        once: may stand in a profile only once.
        makes_zeros: what it saves shows only in compressed files, so the rows of its chain tell their compressed size too.
    """

    takes: ClassVar[frozenset[str]] = frozenset()
    gives: ClassVar[str] = "torch"
    version: ClassVar[int] = 1
    uses_teacher: ClassVar[bool] = False
    uses_unlabelled: ClassVar[bool] = False
    uses_target: ClassVar[bool] = False
    uses_profile: ClassVar[bool] = False
    once: ClassVar[bool] = False
    makes_zeros: ClassVar[bool] = False

    @property
    def uses_extra(self) -> bool:
        """Whether this stage, as it is set, trains on the rows of a dataset made before it; then they are part of its key."""
        return False

    @property
    def looks_ahead(self) -> bool:
        """Whether the result, as it is set, depends on the budget and on the export and quantize stages after it; part of its key."""
        return False

    @property
    def beside(self) -> str:
        """The label of an earlier step whose model it takes too, carried through the same export and quantize stages; empty for none."""
        return ""

    def settled(self, facts: dict[str, Any]) -> Stage:
        """Return these settings with what the stage chose for itself put in, as the facts of its artifact tell."""
        del facts
        return self

    @property
    def teaches(self) -> frozenset[str] | None:
        """What losses may ask of its artifact as the teacher (`Loss.needs`); None for anything. Only the first stage is asked."""
        return None

    def asks_teacher(self, task: Task) -> frozenset[str]:
        """Return what this stage, as it is set, needs of the teacher (`Loss.needs`)."""
        del task
        return frozenset()

    @property
    def needs_unlabelled(self) -> bool:
        """Whether this stage, as it is set, has nothing to do when `data.unlabelled` names nothing."""
        return False

    @property
    def of_unlabelled(self) -> str:
        """The setting that changes nothing when `data.unlabelled` names nothing; empty for none, or where it is at its default."""
        return ""

    def problems(self, *, task: Task, target: Target) -> Iterator[tuple[tuple[str | int, ...], Problem]]:
        """Yield what is wrong with these settings for this task and target: (path inside the settings, problem). No heavy import."""
        yield from ()

    def file_problems(self, near: tuple[Path, ...]) -> Iterator[tuple[tuple[str | int, ...], Problem]]:
        """Yield what is wrong with files that these settings name; asked when the files of a profile are checked. No heavy import."""
        yield from ()

    def fingerprint(self, near: tuple[Path, ...]) -> dict[str, Any]:
        """Return content hashes of what the settings name outside the profile (a local checkpoint, a user's loss file); part of the key."""
        return {}

    @abstractmethod
    def run(self, source: Artifact | None, work: Work) -> None:
        """Fill `work.folder` from `source`. Raises CompactorError with a sentence for anything a user can meet."""
