"""Folders saved by `datasets`, and the hub: what is missing, and what is said of it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.data.conftest import rows_of

TEXTS = [f"text {n}" for n in range(8)]


@pytest.fixture
def datasets():
    return pytest.importorskip("datasets")


@pytest.fixture
def class_labels(datasets):
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["zebra", "ant"])})
    return datasets.Dataset.from_dict({"text": TEXTS, "label": [0, 1] * 4}, features=features)


@pytest.mark.model
def test_a_saved_folder_keeps_the_order_of_its_class_names(tmp_path, class_labels, open_):
    class_labels.save_to_disk(tmp_path / "saved")
    data = open_(train="saved")
    assert data.labels == ("zebra", "ant")
    assert rows_of(data) == sorted(zip(TEXTS, ["zebra", "ant"] * 4, strict=True))


@pytest.mark.model
def test_parquet_from_datasets_keeps_them_too(tmp_path, class_labels, open_):
    class_labels.to_parquet(tmp_path / "a.parquet")
    assert open_(train="a.parquet").labels == ("zebra", "ant")


@pytest.mark.model
def test_splits_of_a_folder_go_by_role(tmp_path, datasets, class_labels, open_, refused):
    datasets.DatasetDict(train=class_labels, dev=class_labels.select([0, 1])).save_to_disk(tmp_path / "saved")
    data = open_(train="saved", validation="saved")
    assert (len(data.train), len(data.validation)) == (8, 2)
    assert "its splits are train, dev" in refused("D111", train="saved", test="saved")


@pytest.mark.model
def test_a_hidden_label_is_a_missing_one(tmp_path, class_labels, open_, refused):
    class_labels.map(lambda row: {"label": -1 if row["text"] == "text 5" else row["label"]}).save_to_disk(tmp_path / "hidden")
    class_labels.save_to_disk(tmp_path / "saved")
    assert "hidden, row 6: the label is missing" in refused("D107", train="saved", test="hidden")


def test_a_folder_of_something_else(tmp_path, refused):
    (tmp_path / "folder").mkdir()
    assert "not one that `datasets` saved" in refused("D101", train="folder")


def test_without_the_package(tmp_path, refused, monkeypatch):
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "state.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert 'pip install "compactor[hub]"' in refused("D120", 4, train="saved")


def test_the_hub_needs_permission(refused):
    assert "add --online, or download it" in refused("D121", 4, train="someone/something:config")


SCRIPT = """
import sys
from pathlib import Path
from compactor.base.errors import CompactorError
from compactor.base.reporter import Reporter
from compactor.data import DataSettings, open_data
try:
    open_data(DataSettings(train="someone/something"), near=(), seed=0, cache=Path(sys.argv[1]), online=True, reporter=Reporter())
except CompactorError as error:
    print(error.exit_status, error)
"""


class NotFound(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(404)
        self.send_header("X-Error-Code", "RepoNotFound")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.mark.model
@pytest.mark.parametrize("answers", [False, True], ids=["nobody listens", "not found"])
def test_unreachable_hub(tmp_path, datasets, answers):
    server = HTTPServer(("127.0.0.1", 0), NotFound)
    port = server.server_address[1]
    if answers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    else:
        server.server_close()
    environment = {
        name: value for name, value in os.environ.items() if name not in {"HF_HUB_OFFLINE"} and "proxy" not in name.lower()
    }
    environment |= {"HF_ENDPOINT": f"http://127.0.0.1:{port}"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], env=environment, capture_output=True, text=True, timeout=120
    )
    if answers:
        server.shutdown()
    assert done.stdout.startswith("4 D122: data.train: the hub did not give someone/something:"), done.stderr
    assert done.stdout.count("\n") == 1
