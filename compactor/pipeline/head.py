"""Everything of a profile but the settings of its stages."""

from __future__ import annotations

from typing import Any

from compactor.base.settings import Settings, setting
from compactor.data.settings import DataSettings
from compactor.pipeline.also import Also
from compactor.pipeline.budget import Budget
from compactor.tasks import TASKS

SAFE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"


class Controls(Settings):
    """Which controls to make: rows outside the chain, made by `controls.py`."""

    labels_only: bool = setting(True, "train the same student on the labels alone, without the teacher")
    teacher_int8: bool = setting(True, "only export and quantize the teacher, without making it smaller")
    linear: bool = setting(True, "fit a linear model: on n-grams (TF-IDF and logistic regression), or on the pixels of images")


class Head(Settings):
    """Everything of a profile but the settings of its stages."""

    name: str = setting(
        doc="name of the run folder: letters, digits, '-', '_' and '.'", pattern=SAFE_NAME, examples=["my-model"]
    )
    task: str = setting(
        doc=f"what the model must do: {', '.join(name.replace('_', '-') for name in TASKS.names())}",
        examples=["text-classification"],
    )
    target: str = setting(
        doc="where the model must run: a shipped target, or the path of a target YAML", examples=["laptop-cpu"]
    )
    budget: Budget = setting(Budget, doc="limits that decide pass or fail")
    seed: int = setting(0, doc="for every random choice", ge=0, lt=2**31)
    data: DataSettings = setting(doc="the rows to learn from and to score on", examples=["{train: train.csv, test: test.csv}"])
    stages: list[Any] = setting(doc="the stages in order, each a name with its settings", examples=["[- teacher: {...}, ...]"])
    controls: Controls = setting(Controls, doc="rows outside the chain that tell what a gain is worth")
    also: list[Also] = setting([], doc="further targets that the packaged model is measured on; the budget is not judged there")
