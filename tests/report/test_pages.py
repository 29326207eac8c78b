from __future__ import annotations

import subprocess
import sys

from compactor.report import write


def test_pages_lie_beside_the_record_and_do_not_change_it(record, written):
    folder = written(record)
    before = (folder / "report.json").read_bytes()
    assert [path.name for path in write(folder)] == ["report.html", "report.md", "report.csv"]
    assert all(path.stat().st_size for path in folder.iterdir())
    assert (folder / "report.json").read_bytes() == before


def test_the_same_record_gives_the_same_bytes(record, written):
    folder = written(record)
    first = [path.read_bytes() for path in write(folder)]
    assert [path.read_bytes() for path in write(folder)] == first


def test_making_pages_loads_nothing_heavy(record, written):
    code = (
        "import sys, pathlib; from compactor.report import write; write(pathlib.Path(sys.argv[1]));"
        "print(sorted({'torch', 'transformers', 'onnx', 'onnxruntime', 'sklearn', 'numpy', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(written(record))], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
