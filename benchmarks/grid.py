"""What each recipe is worth: every recipe of a table with every student and every seed, from profile to report, as one table.

    COMPACTOR_DATA=... python benchmarks/grid.py benchmarks/distillation/banking77.yaml --out FOLDER [--seeds 0 1 2] [--only NAME ...]

A table file holds `profile` (the head of all profiles), `teacher`, `students`, `recipes` (the stages between teacher and `after`) and
`after`. Each cell becomes a profile below FOLDER/profiles and a run below FOLDER/runs; all share one store, so that a teacher is trained
once a seed and a killed grid goes on where it stopped. Speed is not measured here (`compactor bench` takes the bundles of several runs).
The test split is answered once by each trained model. FOLDER/table.md and table.json are written after every run.

In a table file `share: 0.5` in a distill stage, or inside a phase of it, is its part of the student's epochs, and
`{teacher of seed: 1}` the folder of the teacher of the table's next seed (of the last: the first), whatever --seeds says. With
`reference: RECIPE` every recipe is held against that one, on the same test rows and over the seeds that both have.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from paired import held_against, right_rows

from compactor.base.atomic import write_json, write_text


class Cell(NamedTuple):
    """One run of the grid."""

    recipe: str
    student: str
    seed: int

    @property
    def name(self) -> str:
        """Name of profile and run."""
        return re.sub("[^A-Za-z0-9.]+", "-", f"{self.recipe}-{self.student}-s{self.seed}").lower()


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder of profiles, runs and the table")
    parser.add_argument("--seeds", type=int, nargs="+", help="instead of those of the table")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="recipes and students to run, instead of all")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    table = yaml.safe_load(arguments.table.read_text())
    out, seeds = arguments.out.absolute(), arguments.seeds or table["seeds"]
    if strange := set(arguments.only) - {*table["recipes"], *table["students"]}:
        parser.error(
            f"--only: the table has no {', '.join(sorted(strange))}; it has {', '.join([*table['recipes'], *table['students']])}"
        )
    if new := set(seeds) - set(table["seeds"]):
        parser.error(f"--seeds: the table has {table['seeds']} and not {sorted(new)}; add them to its seeds")
    for cell in cells(table, seeds, set(arguments.only)):
        run(cell, profile(table, cell, out), out, arguments.threads)
        write_table(table, seeds, out)
    if "reference" in table:
        write_table(table, seeds, out, table["reference"])
    print((out / "table.md").read_text())


def cells(table: dict[str, Any], seeds: list[int], only: set[str]) -> Iterator[Cell]:
    """Yield the runs, all of a seed before the next, so that a table with few seeds is whole first.

    Of `only` the names of recipes choose among recipes, those of students among students.
    """
    recipes, students = only & set(table["recipes"]), only & set(table["students"])
    for seed in seeds:
        for recipe, parts in table["recipes"].items():
            for student in table["students"]:
                wanted = student in parts.get("students", table["students"])
                if wanted and (not recipes or recipe in recipes) and (not students or student in students):
                    yield Cell(recipe, student, seed)


def profile(table: dict[str, Any], cell: Cell, out: Path) -> dict[str, Any]:
    """Return the profile of a run."""
    recipe, student = table["recipes"][cell.recipe], table["students"][cell.student]
    teacher = {**table["teacher"], **recipe.get("teacher", {})}
    stages = [{"teacher": teacher}]
    for stage in recipe["stages"]:
        ((name, settings),) = stage.items()
        stages.append({name: with_student(settings, student) if name == "distill" else settings})
    stages += student.get("after", table["after"])
    made = {"name": cell.name, "seed": cell.seed, **table["profile"], "stages": stages}
    found: dict[str, Any] = _named_teachers(made, cell.seed, table["seeds"], out)
    return found


def with_student(settings: dict[str, Any], student: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe's `distill` for a student: its shape, and its training where the recipe has no say."""
    train = {**student["train"], **settings.get("train", {})}
    train["epochs"] *= settings.get("share", 1)
    made = {"student": student["student"], **settings, "train": train}
    made.pop("share", None)
    if "phases" in settings:
        del made["train"]
        made["phases"] = [_phase(phase, train) for phase in settings["phases"]]
    return made


def _phase(phase: dict[str, Any], train: dict[str, Any]) -> dict[str, Any]:
    share = phase.get("share", 1.0)
    own = {**train, "epochs": train["epochs"] * share, **phase.get("train", {})}
    return {**{name: value for name, value in phase.items() if name != "share"}, "train": own}


def _named_teachers(value: Any, seed: int, seeds: list[int], out: Path) -> Any:
    if isinstance(value, dict) and set(value) == {"teacher of seed"}:
        other = seeds[(seeds.index(seed) + value["teacher of seed"]) % len(seeds)]
        return str(out / "runs" / f"teacher-s{other}" / "stages" / "teacher")
    if isinstance(value, dict):
        return {name: _named_teachers(each, seed, seeds, out) for name, each in value.items()}
    if isinstance(value, list):
        return [_named_teachers(each, seed, seeds, out) for each in value]
    return value


def run(cell: Cell, made: dict[str, Any], out: Path, threads: int) -> None:
    """Make a run, and before it the teachers it names; a run whose profile and report are there is left alone."""
    for seed in {int(part.split("/")[0]) for part in json.dumps(made).split("/teacher-s")[1:]}:
        teacher = {**made, "name": f"teacher-s{seed}", "seed": seed, "stages": made["stages"][:1]}
        if not (out / "runs" / teacher["name"] / "stages" / "teacher").exists():
            _compactor(teacher, out, threads, "--to", "teacher")
    written = out / "profiles" / f"{cell.name}.yaml"
    done = out / "runs" / cell.name / "report.json"
    if done.is_file() and written.is_file() and yaml.safe_load(written.read_text()) == made:
        return
    _compactor(made, out, threads)


def _compactor(made: dict[str, Any], out: Path, threads: int, *more: str) -> None:
    path = out / "profiles" / f"{made['name']}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, yaml.safe_dump(made, sort_keys=False, width=120))
    command = [sys.executable, "-m", "compactor", "run", str(path), "--runs", str(out / "runs"), "--threads", str(threads)]
    print(f"{made['name']} ...", flush=True)
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run([*command, "--no-timing", "--quiet", *more], env=environment, stdout=subprocess.DEVNULL)
    if done.returncode not in (0, 3):
        sys.exit(f"{made['name']} failed with exit status {done.returncode}: {' '.join(command)}")


def write_table(table: dict[str, Any], seeds: list[int], out: Path, reference: str | None = None) -> None:
    """Write what the finished runs found: raw values as JSON, and the table; with a reference every recipe is held against it."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for cell in cells(table, seeds, set()):
        report = out / "runs" / cell.name / "report.json"
        if report.is_file():
            values = figures(json.loads(report.read_text()))
            found.setdefault(cell.student, {}).setdefault(cell.recipe, []).append({"seed": cell.seed, **values})
    pairs = {student: _pairs(student, recipes, reference, out) for student, recipes in found.items()} if reference else {}
    write_json(out / "table.json", {"runs": found, "pairs": pairs} if reference else found)
    write_text(out / "table.md", "\n".join(_markdown(found, pairs, reference)) + "\n")


def _pairs(student: str, recipes: dict[str, list[dict[str, Any]]], reference: str, out: Path) -> dict[str, dict[str, Any]]:
    """Hold each recipe of a student against the reference, over the seeds that both have."""

    def right(recipe: str, seed: int) -> np.ndarray:
        return right_rows(out / "runs" / Cell(recipe, student, seed).name)

    known = {run["seed"]: right(reference, run["seed"]) for run in recipes.get(reference, ())}
    pairs = {}
    for recipe, runs in recipes.items():
        seeds = [run["seed"] for run in runs if run["seed"] in known]
        if recipe != reference and seeds:
            pairs[recipe] = held_against([right(recipe, seed) for seed in seeds], [known[seed] for seed in seeds])
    return pairs


def figures(report: dict[str, Any]) -> dict[str, Any]:
    """Return what the table shows of one run: the teacher's, the student's and the last row's quality, sizes, seconds."""
    rows = {row["id"]: row for row in report["rows"]}
    student = [row for row in report["rows"] if row["stage"] == "distill"][-1]
    teacher, last = rows["teacher"], report["rows"][-1]
    return {
        "teacher": teacher["quality"]["value"],
        "student": student["quality"]["value"],
        "last": last["quality"]["value"],
        "validation": last["validation_quality"]["value"],
        "kept": last["quality"]["value"] / teacher["quality"]["value"],
        "smaller": teacher["size_bytes"] / last["size_bytes"],
        "megabytes": last["size_bytes"] / 1e6,
        "seconds": sum(row["seconds"] or 0 for row in report["rows"] if row["stage"] in ("augment", "distill", "prune")),
        "against_teacher": last["quality"]["against"].get("teacher"),
    }


def _markdown(
    found: dict[str, dict[str, list[dict[str, Any]]]], pairs: dict[str, dict[str, Any]], reference: str | None
) -> Iterator[str]:
    for student, recipes in found.items():
        heads = ["recipe", "seeds", "validation", "test, float", "test, as shipped", "kept of the teacher"]
        heads += [f"points to {reference} (p)"] if reference else []
        heads += ["MB", "smaller", "trained for"]
        yield f"**{student}**"
        yield ""
        yield "| " + " | ".join(heads) + " |"
        yield "| --- |" + " ---: |" * (len(heads) - 1)
        for recipe, runs in sorted(recipes.items(), key=lambda item: -_mean(item[1], "last")):
            shown = [f"{recipe}", f"{len(runs)}", *(_percent(runs, name) for name in ("validation", "student", "last", "kept"))]
            shown += [_points(pairs.get(student, {}).get(recipe))] if reference else []
            shown += [
                f"{_mean(runs, 'megabytes'):.2f}",
                f"{_mean(runs, 'smaller'):.1f}x",
                f"{_mean(runs, 'seconds') / 60:.1f} min",
            ]
            yield "| " + " | ".join(shown) + " |"
        yield ""


def _points(pair: dict[str, Any] | None) -> str:
    if pair is None:
        return ""
    low, high = (100 * end for end in pair["ci95"])
    chance = f"{pair['p']:.3f}" if pair["p"] >= 0.001 else "< 0.001"
    return f"{100 * pair['difference']:+.2f} [{low:+.2f}, {high:+.2f}] ({chance})"


def _mean(runs: list[dict[str, Any]], name: str) -> float:
    return statistics.fmean(run[name] for run in runs)


def _percent(runs: list[dict[str, Any]], name: str) -> str:
    values = [100 * run[name] for run in runs]
    return (
        f"{statistics.fmean(values):.2f} % [{min(values):.2f}, {max(values):.2f}]" if len(values) > 1 else f"{values[0]:.2f} %"
    )


if __name__ == "__main__":
    main()
