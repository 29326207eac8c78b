"""A page as worker: what the bridge serves and to whom, and the whole way through a real Chromium where there is one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from compactor.base.errors import MissingError
from compactor.base.reporter import Reporter
from compactor.measuring.answers_there import same_answers
from compactor.measuring.evidence import ThisMachine
from compactor.measuring.feeds import write_feeds
from compactor.measuring.latency import measure
from compactor.measuring.result import Subject
from compactor.measuring.runners.browser import BRIDGE, BrowserRunner, what_is_missing
from compactor.measuring.runners.browser_bridge import Bridge, handler, with_arrays
from compactor.targets import load_target

REAL_RUNTIME = Path(os.environ["COMPACTOR_ORT_WEB"]) if os.environ.get("COMPACTOR_ORT_WEB") else None


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Bridge, str]]:
    runtime = tmp_path / "dist"
    runtime.mkdir()
    (runtime / "ort.wasm.min.mjs").write_text("export {}")
    (tmp_path / "secret.txt").write_text("secret")
    bridge = Bridge(runtime)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(bridge))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield bridge, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def fetched(address: str) -> tuple[int, bytes, dict[str, str]]:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, b"", {}


def test_the_page_and_the_runtime_are_served_isolated(served: tuple[Bridge, str]) -> None:
    bridge, address = served
    status, page, headers = fetched(f"{address}/{bridge.secret}/")
    assert status == 200
    assert b"onnxruntime-web" in page
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    status, _, headers = fetched(f"{address}/{bridge.secret}/ort/ort.wasm.min.mjs")
    assert (status, headers["Content-Type"]) == (200, "text/javascript")


@pytest.mark.parametrize(
    "path", ["/", "/model", "/SECRET/ort/../../secret.txt", "/SECRET/ort/%2e%2e%2fsecret.txt", "/SECRET/etc/passwd"]
)
def test_nothing_else_is_served(served: tuple[Bridge, str], path: str) -> None:
    bridge, address = served
    assert fetched(address + path.replace("SECRET", bridge.secret))[0] == 404


def test_commands_go_out_and_answers_come_in(served: tuple[Bridge, str]) -> None:
    bridge, address = served
    bridge.commands.put({"do": "look"})
    assert json.loads(fetched(f"{address}/{bridge.secret}/next")[1]) == {"do": "look"}
    body = json.dumps({"kind": "look"}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{address}/{bridge.secret}/answer", data=body), timeout=10).close()
    assert bridge.answers.get(timeout=5) == {"kind": "look"}


def test_inputs_travel_bit_for_bit(tmp_path: Path) -> None:
    import base64

    array = np.array([[1, -2, 2**40]], dtype=np.int64)
    write_feeds(tmp_path / "feeds.npz", {"b1": [{"input_ids": array}]})
    packed = with_arrays({"do": "feeds", "path": str(tmp_path / "feeds.npz")})["cells"]["b1"][0]["input_ids"]
    assert np.array_equal(np.frombuffer(base64.b64decode(packed["base64"]), packed["dtype"]).reshape(packed["shape"]), array)


def test_a_browser_that_ends_is_told(tmp_path: Path, make_model: Callable[..., Path]) -> None:
    browser = tmp_path / "chromium"
    browser.write_text("#!/bin/sh\nexit 7\n")
    browser.chmod(0o755)
    job = json.dumps({"model": str(make_model("chain", 1))})
    done = subprocess.run(
        [sys.executable, str(BRIDGE), str(browser), str(tmp_path)],
        input=f"{job}\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert json.loads(done.stdout) == {"kind": "error", "reason": "load", "message": "the browser ended with status 7"}


def test_what_is_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingError, match="M240"):
        BrowserRunner(tmp_path).open()
    (tmp_path / "chromium").write_text("#!/bin/sh\n")
    (tmp_path / "chromium").chmod(0o755)
    with pytest.raises(MissingError, match=r"M241.*npm install onnxruntime-web"):
        BrowserRunner(tmp_path).open()
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "ort.wasm.min.mjs").touch()
    assert what_is_missing(tmp_path) is None


def test_it_is_a_proxy_for_pages_and_nothing_for_boards() -> None:
    runner = BrowserRunner()
    assert runner.evidence(load_target("browser")).kind == "proxy"
    assert runner.evidence(load_target("arm-edge")).kind is None


@pytest.mark.slow
def test_a_real_page_answers_as_this_machine_does(make_model: Callable[..., Path], tmp_path: Path) -> None:
    if what_is_missing(REAL_RUNTIME) is not None:
        pytest.skip("needs chromium and $COMPACTOR_ORT_WEB (npm install onnxruntime-web)")
    subject, target = Subject("chain", make_model("chain", 2), tokens=50), ThisMachine(batches=(1,), lengths=(16,))
    with BrowserRunner(REAL_RUNTIME) as runner:
        assert same_answers(subject, target, runner).passed
        folder = tmp_path / "raw"
        found = measure([subject], target, folder_for_raw=folder, reporter=Reporter(), quick=True, seconds=1, runner=runner)
    measured = found["chain"]
    assert measured.evidence == "proxy"
    assert measured.latency_ms is not None
    assert measured.latency_ms[0]["p50"] > 0
    assert measured.latency_ms[0]["cpu_ms"] is None
    assert measured.peak_memory_bytes is None
