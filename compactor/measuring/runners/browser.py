"""Workers in a page of a headless Chromium, with onnxruntime-web's WebAssembly."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.environment import machine
from compactor.base.errors import MissingError
from compactor.measuring.evidence import Evidence, ThisMachine
from compactor.measuring.runners._contract import Runner

if TYPE_CHECKING:
    from compactor.targets import Target

BRIDGE = Path(__file__).with_name("browser_bridge.py")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ENTRY = "ort.wasm.min.mjs"
PLACES = (Path("node_modules/onnxruntime-web/dist"), Path("node_modules/onnxruntime-web"))


class BrowserRunner(Runner):
    """Runs each worker in a browser of its own, with an empty profile, on a page served to 127.0.0.1.

    What is timed is what a page waits for: from the call of `session.run` to its promise. There is no processor time, no memory.
    """

    kind = "browser"

    def __init__(self, runtime: Path | None = None) -> None:
        """Remember the folder of onnxruntime-web; by default $COMPACTOR_ORT_WEB, else `node_modules` here."""
        self._given = runtime
        self.place_name = "a page in Chromium"
        self._runtime = Path()

    def open(self) -> None:
        """Look for the browser and onnxruntime-web.

        Raises:
            MissingError: M240 no Chromium, M241 no onnxruntime-web.
        """
        if reason := what_is_missing(self._given):
            raise reason
        found = runtime_folder(self._given)
        assert found is not None
        self._runtime = found
        self.place_name = f"a page in {self.version}"

    def command(self) -> list[str]:
        """Return this Python with the bridge to the page."""
        return [sys.executable, "-P", str(BRIDGE), chromium() or "", str(self._runtime.absolute())]

    def machine(self) -> dict[str, Any]:
        """Describe this machine as a page sees it: WebAssembly, whatever the processor."""
        here = machine()
        return {**here, "machine": "wasm32", "instruction_sets": [], "cpu_model": f"{self.version} on {here['cpu_model']}"}

    def evidence(self, target: Target | ThisMachine) -> Evidence:
        """It is a proxy for the target `browser`: visitors have other processors and other browsers."""
        if target.machine not in ("any", "wasm32"):
            return Evidence(None, f"the target {target.name} is {target.machine}, a page is wasm32")
        here = self.machine()["cpu_model"]
        return Evidence("proxy", f"taken in {here}; visitors of a page have other processors and browsers")

    @cached_property
    def version(self) -> str:
        """The browser's name and version: `Chromium 156.0.8078.73`."""
        told = subprocess.run([chromium() or "false", "--version"], capture_output=True, text=True, check=False).stdout
        return " ".join(told.split()[:2]) or "Chromium"


def chromium() -> str | None:
    """Return the browser's program: $COMPACTOR_CHROMIUM, else the first that is found."""
    if given := os.environ.get("COMPACTOR_CHROMIUM"):
        return shutil.which(given)
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def runtime_folder(given: Path | None = None) -> Path | None:
    """Return the folder that holds onnxruntime-web's modules, or None."""
    named = given or (Path(os.environ["COMPACTOR_ORT_WEB"]) if os.environ.get("COMPACTOR_ORT_WEB") else None)
    places = PLACES if named is None else (named, named / "dist", named / "node_modules" / "onnxruntime-web" / "dist")
    return next((place for place in places if (place / ENTRY).is_file()), None)


def what_is_missing(given: Path | None = None) -> MissingError | None:
    """Return what keeps a page from being measured here, with what to type; None when nothing does."""
    if chromium() is None:
        return MissingError("M240", "there is no Chromium here", "apt-get install chromium, or set COMPACTOR_CHROMIUM")
    if runtime_folder(given) is None:
        return MissingError(
            "M241",
            "there is no onnxruntime-web here",
            "npm install onnxruntime-web, and run from that folder or set COMPACTOR_ORT_WEB to it",
        )
    return None
