"""The same distillation by transformers.Trainer, TextBrewer and torchdistill."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from transformers import AutoModelForSequenceClassification

# torchdistill needs torchvision, whose wheel lacks two operators beside a CPU torch; without them transformers cannot import BERT.
LIBRARY = torch.library.Library("torchvision", "DEF")
for operator in ("nms", "qnms"):
    LIBRARY.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

STEPS, BATCH, TEMPERATURE, RATE = 4, 32, 2.0, 1e-4


class Rows(Dataset):
    """Token ids and labels."""

    def __init__(self, folder: Path) -> None:
        parts = np.load(folder / "rows.npz")
        self.ids, self.offsets, self.labels = parts["ids"].astype(np.int64), parts["offsets"], parts["labels"]
        self.longest = int(np.diff(self.offsets).max())

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row: int) -> dict[str, Any]:
        return {"ids": self.ids[self.offsets[row] : self.offsets[row + 1]], "labels": int(self.labels[row])}


class Collate:
    """Pads a batch to its longest text, or to a given length; remembers how much of it is padding."""

    def __init__(self, length: int | None) -> None:
        self.length, self.places, self.real = length, 0, 0

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Return tensors (rows, length)."""
        length = self.length or max(len(row["ids"]) for row in rows)
        ids, mask = torch.zeros(len(rows), length, dtype=torch.int64), torch.zeros(len(rows), length, dtype=torch.int64)
        for number, row in enumerate(rows):
            ids[number, : len(row["ids"])] = torch.from_numpy(row["ids"])
            mask[number, : len(row["ids"])] = 1
        self.places, self.real = self.places + ids.numel(), self.real + int(mask.sum())
        return {"input_ids": ids, "attention_mask": mask, "labels": torch.tensor([row["labels"] for row in rows])}


class Watch:
    """Told at the beginning of every step, it knows what STEPS of them took: the last is only begun."""

    def __init__(self) -> None:
        self.marks: list[tuple[float, float]] = []

    def mark(self) -> None:
        """Remember this moment."""
        self.marks.append((time.perf_counter(), time.process_time()))

    def spent(self) -> dict[str, float]:
        """Return wall and CPU seconds of the finished steps."""
        (wall, cpu), (wall_end, cpu_end) = self.marks[0], self.marks[STEPS]
        return {"wall_s": wall_end - wall, "cpu_s": cpu_end - cpu}


def trainer(teacher: Any, student: Any, rows: Rows, collate: Collate) -> Callable[[Watch], None]:
    """Take turns of transformers.Trainer with a `compute_loss` of one's own."""
    from transformers import Trainer, TrainerCallback, TrainingArguments

    class Distiller(Trainer):
        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:
            labels = inputs.pop("labels")
            logits = model(**inputs).logits
            with torch.no_grad():
                taught = teacher(**inputs).logits
            pair = (functional.log_softmax(part / TEMPERATURE, dim=-1) for part in (logits, taught))
            soft = functional.kl_div(*pair, log_target=True, reduction="batchmean") * TEMPERATURE**2
            return 0.9 * soft + 0.1 * functional.cross_entropy(logits, labels)

    def turn(watch: Watch) -> None:
        class Marks(TrainerCallback):
            def on_step_begin(self, *_given: Any, **_more: Any) -> None:
                watch.mark()

        with tempfile.TemporaryDirectory() as folder:
            arguments = TrainingArguments(
                folder,
                per_device_train_batch_size=BATCH,
                max_steps=STEPS + 1,
                learning_rate=RATE,
                use_cpu=True,
                report_to="none",
                save_strategy="no",
                disable_tqdm=True,
                remove_unused_columns=False,
                logging_strategy="no",
            )
            Distiller(student, arguments, collate, rows, callbacks=[Marks()]).train()

    return turn


def textbrewer(teacher: Any, student: Any, rows: Rows, collate: Collate) -> Callable[[Watch], None]:
    """Take turns of TextBrewer's BasicDistiller."""
    from textbrewer import BasicDistiller, DistillationConfig, TrainingConfig

    def adaptor(batch: Any, outputs: Any) -> dict[str, Any]:
        return {"logits": (outputs.logits,), "losses": (functional.cross_entropy(outputs.logits, batch["labels"]),)}

    def forward(model: Any) -> Any:
        class Called(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner = model

            def forward(self, input_ids: Any, attention_mask: Any, labels: Any) -> Any:
                return self.inner(input_ids=input_ids, attention_mask=attention_mask)

        return Called()

    taught, learning = forward(teacher), forward(student)
    loader, optimizer = (
        DataLoader(rows, BATCH, shuffle=True, collate_fn=collate),
        torch.optim.AdamW(student.parameters(), lr=RATE),
    )

    def turn(watch: Watch) -> None:
        def begin(batch: Any) -> Any:
            watch.mark()
            return batch

        with tempfile.TemporaryDirectory() as folder:
            how = TrainingConfig(output_dir=folder, device="cpu", ckpt_steps=10**6)
            what = DistillationConfig(temperature=TEMPERATURE, kd_loss_weight=0.9, hard_label_weight=0.1)
            distiller = BasicDistiller(how, what, taught, learning, adaptor, adaptor)
            with distiller:
                distiller.train(
                    optimizer, loader, num_steps=STEPS + 1, max_grad_norm=1.0, batch_postprocessor=begin, callback=None
                )

    return turn


def torchdistill(teacher: Any, student: Any, rows: Rows, collate: Collate) -> Callable[[Watch], None]:
    """Take turns of torchdistill's DistillationBox."""
    from torchdistill.core.distillation import get_distillation_box

    loader = {"dataset_id": "rows", "sampler": {"class_or_func": torch.utils.data.RandomSampler, "kwargs": {}}}
    config = {
        "num_epochs": 1,
        "train_data_loader": {**loader, "kwargs": {"batch_size": BATCH, "num_workers": 0}, "collate_fn": None},
        "teacher": {"forward_proc": "forward_batch_only_as_kwargs", "sequential": [], "requires_grad": False, **_watched()},
        "student": {"forward_proc": "forward_batch_only_as_kwargs", "sequential": [], "requires_grad": True, **_watched()},
        "optimizer": {"key": "AdamW", "kwargs": {"lr": RATE}, "max_grad_norm": 1.0},
        "criterion": {"key": "WeightedSumLoss", "kwargs": {"sub_terms": {"kd": {"criterion": _criterion(), "weight": 1.0}}}},
    }
    box = get_distillation_box(teacher, student, {"rows": rows}, config, torch.device("cpu"), None, False, 1)
    batches = iter(DataLoader(rows, BATCH, shuffle=True, collate_fn=collate))

    def turn(watch: Watch) -> None:
        box.pre_epoch_process()
        for _ in range(STEPS + 1):
            watch.mark()
            batch = next(batches)
            targets = batch.pop("labels")
            box.pre_forward_process()
            box.post_forward_process(loss=box.forward_process(batch, targets, None))

    return turn


def _watched() -> dict[str, Any]:
    return {"forward_hook": {"input": [], "output": ["classifier"]}}


def _criterion() -> dict[str, Any]:
    places = {"student_module_path": "classifier", "student_module_io": "output"}
    places |= {"teacher_module_path": "classifier", "teacher_module_io": "output"}
    return {"key": "KDLoss", "kwargs": {**places, "temperature": TEMPERATURE, "alpha": 0.1, "reduction": "batchmean"}}


def main(folder: Path, name: str) -> None:
    """Make ready, then train for a moment at every line of the input."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    load = AutoModelForSequenceClassification.from_pretrained
    teacher, student = (load(folder / which, attn_implementation="eager").float() for which in ("teacher", "student"))
    teacher.eval().requires_grad_(False)
    rows = Rows(folder)
    collate = Collate(rows.longest if "padded" in name else None)
    kinds = {"transformers.Trainer": trainer, "TextBrewer": textbrewer, "torchdistill": torchdistill}
    turn = kinds[name.partition(",")[0]](teacher, student, rows, collate)
    print(json.dumps({"ready": True}), flush=True)
    for _ in sys.stdin:
        watch = Watch()
        turn(watch)
        padding = 1 - collate.real / collate.places
        print(json.dumps({"samples": STEPS * BATCH, **watch.spent(), "padding": padding}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
