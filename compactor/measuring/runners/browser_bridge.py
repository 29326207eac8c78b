"""Stands between a worker's stdin and stdout and a page in a headless browser, which it serves on 127.0.0.1 and starts.

Run as a program: `browser_bridge.py CHROMIUM FOLDER_OF_ONNXRUNTIME_WEB`. Standard library and numpy. The page asks for the next
command and posts the answer, so that between commands everything sleeps.
"""

from __future__ import annotations

import base64
import json
import os
import queue
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("browser_page.html")
TYPES = {".mjs": "text/javascript", ".wasm": "application/wasm", ".html": "text/html; charset=utf-8"}
# Isolated from other origins, a page gets threads and a clock of 5 microseconds instead of 100.
ISOLATED = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
QUIET = (
    *("--headless=new", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--disable-default-apps", "--disable-extensions", "--disable-quic", "--mute-audio"),
    *("--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-dev-shm-usage"),
)
FIRST_CONTACT_SECONDS = 90.0
LOOK_SECONDS = 1.0  # how often a waiting bridge looks whether the browser is still there


class Bridge:
    """What the handlers of requests share: the two queues, the files of the job, and a secret that other programs do not know."""

    def __init__(self, runtime: Path) -> None:
        """Serve onnxruntime-web from a folder."""
        self.runtime = runtime
        self.secret = secrets.token_urlsafe(16)
        self.commands: queue.Queue[dict[str, Any]] = queue.Queue()
        self.answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self.files: dict[str, Path] = {"": PAGE}
        self.contact = threading.Event()

    def take_job(self, job: dict[str, Any]) -> dict[str, Any]:
        """Note the model's files, and return the job as the page wants it."""
        model = Path(job["model"])
        beside = [each for each in model.parent.iterdir() if each.name.startswith((f"{model.name}_", f"{model.name}."))]
        self.files |= {"model": model, **{f"beside/{each.name}": each for each in beside}}
        level = job.get("graph_level") or "all"
        return {"threads": job.get("threads", 1), "graph_level": level, "beside": [each.name for each in beside]}

    def file(self, path: str) -> Path | None:
        """Return the file that a request asks for; nothing but the page, the model and onnxruntime-web is served."""
        folder, _, name = path.rpartition("/")
        if folder == "ort" and name and not name.startswith("."):
            return self.runtime / name
        return self.files.get(path)


def handler(bridge: Bridge) -> type[BaseHTTPRequestHandler]:
    """Return the class that answers the page's requests."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self._inside()
            if path == "next":
                bridge.contact.set()
                self._send(json.dumps(bridge.commands.get()).encode(), "application/json")
                return
            file = bridge.file(path) if path is not None else None
            if file is None or not file.is_file():
                self.send_error(404)
                return
            self._send(file.read_bytes(), TYPES.get(file.suffix, "application/octet-stream"))

        def do_POST(self) -> None:
            if self._inside() != "answer":
                self.send_error(404)
                return
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._send(b"{}", "application/json")
            bridge.answers.put(json.loads(body))

        def log_message(self, format: str, *words: Any) -> None:  # noqa: A002 - the library's name
            """Stay silent."""

        def _inside(self) -> str | None:
            """Return the path behind the secret; None for whoever does not know it."""
            path = urllib.parse.unquote(self.path.partition("?")[0]).removeprefix("/")
            return path.removeprefix(f"{bridge.secret}/") if path.startswith(f"{bridge.secret}/") else None

        def _send(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            for name, value in {**ISOLATED, "Content-Type": kind, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    return Handler


def with_arrays(command: dict[str, Any]) -> dict[str, Any]:
    """Put the inputs themselves in the place of the file that holds them."""
    if command.get("do") != "feeds":
        return command
    import numpy

    cells: dict[str, dict[int, dict[str, Any]]] = {}
    with numpy.load(command["path"]) as stored:
        for key in stored.files:
            cell, index, name = key.split("|", 2)
            array = numpy.ascontiguousarray(stored[key])
            packed = {"dtype": str(array.dtype), "shape": array.shape, "base64": base64.b64encode(array.tobytes()).decode()}
            cells.setdefault(cell, {}).setdefault(int(index), {})[name] = packed
    return {"do": "feeds", "cells": {cell: [rows[index] for index in sorted(rows)] for cell, rows in cells.items()}}


def start_browser(chromium: str, address: str, profile: str) -> subprocess.Popen[bytes]:
    """Start the browser with an empty profile; its own sandbox does not work for root."""
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    command = [chromium, *QUIET, *root, f"--user-data-dir={profile}", address]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, start_new_session=True)


def wait_for_answer(bridge: Bridge, browser: subprocess.Popen[bytes], message: dict[str, Any]) -> dict[str, Any]:
    """Give the page a command and wait; a browser that ends is an error, not an endless wait."""
    bridge.commands.put(message)
    waited = 0.0
    while True:
        try:
            return bridge.answers.get(timeout=LOOK_SECONDS)
        except queue.Empty:
            waited += LOOK_SECONDS
        if browser.poll() is not None:
            return {"kind": "error", "reason": "load", "message": f"the browser ended with status {browser.returncode}"}
        if waited > FIRST_CONTACT_SECONDS and not bridge.contact.is_set():
            return {"kind": "error", "reason": "load", "message": "the browser did not open the page"}


def main(chromium: str, runtime: str) -> int:
    """Serve, start the browser, and pass lines on until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's; it closes stdin
    lines = iter(sys.stdin.readline, "")
    first = next(lines, "")
    if not first:
        return 0
    bridge = Bridge(Path(runtime))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(bridge))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="compactor-browser-", ignore_cleanup_errors=True) as profile:
        message = bridge.take_job(json.loads(first))
        browser = start_browser(chromium, f"http://127.0.0.1:{server.server_address[1]}/{bridge.secret}/", profile)
        try:
            reply(wait_for_answer(bridge, browser, message))
            for line in lines:
                reply(wait_for_answer(bridge, browser, with_arrays(json.loads(line))))
        finally:
            if browser.poll() is None:
                os.killpg(browser.pid, signal.SIGKILL)
            browser.wait()
    return 0


def reply(answer: dict[str, Any]) -> None:
    """Answer the parent."""
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
