r"""compactor's bundle beside Optimum, Neural Compressor, Olive and Model2Vec: accuracy, bytes and time, in one interleaved run.

    COMPACTOR_DATA=... taskset -c 0 python benchmarks/side_by_side/run.py --profile profiles/banking77-laptop.yaml \
        --teacher runs/banking77-laptop/stages/teacher --bundle compactor=runs/banking77-laptop/bundle \
        --environments FOLDER --out FOLDER

All start from the same fine-tuned teacher and the same rows. Every peer has a virtual environment of its own, made from
`environments/<peer>.txt` below --environments, and leaves a folder with what an app would ship. Accuracy: the profile's test split, every
text alone and unpadded. Time: batch 1, one thread, 64 test texts of real length, by compactor's measuring protocol (processes that
take turns, warm-up until steady, intervals, a verdict on noise, the same model twice as a self-test); Model2Vec answers inside the same
loop with its own runtime. A contender that cannot be made is a line with the reason. Results: table.md, results.json and raw/ in --out.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from contenders import CONTENDERS, Contender
from made import Made, made_by_compactor, made_by_peer
from rows import read_rows, write_work
from table import write_results
from timing import time_all

HERE = Path(__file__).parent


def main() -> None:
    """Prepare, let the peers work, measure, write the table."""
    arguments = parse()
    from compactor.pipeline.profile import load_profile

    profile = load_profile(arguments.profile, check_files=False)
    work, out = arguments.out.absolute() / "work", arguments.out.absolute()
    if not arguments.again or not (work / "settings.json").is_file():
        write_work(profile, arguments.teacher, encoder(arguments), arguments.limit, work)
    made, failed = [made_by_compactor("teacher, fp32", work / "fp32", 512)], {}
    longest = max_length(work)
    made += [made_by_compactor(name, folder, longest) for name, folder in map(bundle, arguments.bundle)]
    for contender in CONTENDERS:
        if arguments.only and contender.peer not in arguments.only:
            continue
        found = make(contender, arguments.environments.absolute(), work, out / "made", longest, again=arguments.again)
        if isinstance(found, Made):
            made.append(found)
        else:
            failed[contender.name] = found
            print(f"{contender.name}: {found}", file=sys.stderr)
    texts, labels = read_rows(work / "test.jsonl")
    right = {each.name: each.predict(texts) == labels for each in made}
    times = time_all(
        made,
        texts,
        profile.target,
        out / "raw",
        model2vec=python_of(arguments.environments.absolute() / "model2vec"),
        seconds=arguments.seconds,
        quick=arguments.limit is not None,
    )
    print(write_results(out, made, right, times, failed, profile.name))


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--profile", type=Path, required=True, help="names task, data, seed and target")
    add("--teacher", type=Path, required=True, help="fine-tuned on that data; a folder that transformers loads")
    add(
        "--bundle",
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="a bundle of compactor's; may be given several times",
    )
    add("--environments", type=Path, required=True, help="folder of the peers' environments; those that are not there are made")
    add("--out", type=Path, required=True)
    add("--encoder", help="what Model2Vec distills from (default: models/all-MiniLM-L6-v2 in COMPACTOR_DATA)")
    add("--limit", type=int, help="at most so many rows of each split, for a trial")
    add("--only", nargs="+", choices=sorted({each.peer for each in CONTENDERS}), help="these peers alone")
    add("--seconds", type=float, default=180.0, help="of timing in all")
    add("--again", action="store_true", help="only measure again what the last call left in --out")
    return parser.parse_args()


def encoder(arguments: argparse.Namespace) -> str:
    """Return what Model2Vec distills from."""
    given = arguments.encoder or os.environ.get("COMPACTOR_DATA", "") + "/models/all-MiniLM-L6-v2"
    return str(given)


def bundle(given: str) -> tuple[str, Path]:
    """Read NAME=FOLDER."""
    name, _, folder = given.rpartition("=")
    return name or "compactor", Path(folder)


def max_length(work: Path) -> int:
    """Return the most tokens that the teacher reads."""
    import json

    return int(json.loads((work / "settings.json").read_text(encoding="utf-8"))["max_length"])


def make(contender: Contender, environments: Path, work: Path, folder: Path, longest: int, *, again: bool) -> Made | str:
    """Let a peer work in its environment; return what it made, or why it could not."""
    place = folder / f"{contender.peer}-{contender.variant}"
    if not (again and Path(f"{place}.json").is_file()):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        Path(f"{place}.json").unlink(missing_ok=True)
        try:
            python = make_environment(environments / contender.peer)
        except subprocess.CalledProcessError as error:
            return f"its environment could not be installed ({last_line(error.stderr)})"
        print(f"{contender.name} ...", file=sys.stderr, flush=True)
        script = [python, HERE / "peers" / f"by_{contender.peer}.py", work, place, contender.variant]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        done = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
        place.with_name(place.name + ".log").write_text(done.stdout + done.stderr, encoding="utf-8")
        if done.returncode:
            return f"it ended with status {done.returncode}: {last_line(done.stderr)}"
    try:
        return made_by_peer(contender.name, place, longest)
    except (OSError, StopIteration):
        return "it left no model"


def make_environment(folder: Path) -> Path:
    """Install a peer's pinned requirements into an environment of its own, once; return its Python."""
    if not (folder / "installed").is_file():
        venv.create(folder, with_pip=True)
        requirements = HERE / "environments" / f"{folder.name}.txt"
        command = [python_of(folder), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements]
        subprocess.run(command, check=True, capture_output=True, text=True)
        (folder / "installed").touch()
    return python_of(folder)


def python_of(environment: Path) -> Path:
    """Return the interpreter of an environment."""
    return environment / "bin" / "python"


def last_line(text: str) -> str:
    """Return what a failed program said at its end."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "without a word"


if __name__ == "__main__":
    main()
