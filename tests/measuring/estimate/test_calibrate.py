"""The constants of a device are found again from times that they made, and a real calibration runs to its end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("sklearn")

from compactor.base.errors import StageError
from compactor.base.reporter import Reporter
from compactor.measuring.cells import Cell
from compactor.measuring.estimate.calibrate import calibrate, fit, left_out_errors
from compactor.measuring.estimate.micro import write_micro_models
from compactor.measuring.estimate.work import UNITS, Work, graph_work
from compactor.measuring.evidence import ThisMachine
from compactor.measuring.runners.local import LocalRunner
from compactor.targets import load_target

TRUE = dict(zip(UNITS, (1e-5, 3e-6, 3e-11, 1e-11, 8e-11, 1e-10, 2e-10, 4e-10, 6e-10, 1e-9, 5e-10), strict=True))


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Work]:
    models = write_micro_models(tmp_path_factory.mktemp("micro"))
    return {name: graph_work(model, Cell(1, None)) for name, model in models.items()}


def times(works: dict[str, Work]) -> dict[str, float]:
    return {name: 1e3 * float(np.dot(work.row(), list(TRUE.values()))) for name, work in works.items()}


def test_the_small_models_tell_all_units_apart(works: dict[str, Work]) -> None:
    assert fit(works, times(works)) == pytest.approx(TRUE, rel=1e-6)
    assert np.abs(left_out_errors(works, times(works))).max() < 1e-6


def test_noise_makes_no_constant_negative(works: dict[str, Work]) -> None:
    random = np.random.default_rng(0)
    noisy = {name: time * random.uniform(0.5, 2) for name, time in times(works).items()}
    assert min(fit(works, noisy).values()) >= 0


def test_the_int8_ladder_is_int8_after_fusion(works: dict[str, Work]) -> None:
    for name, work in works.items():
        if name.startswith("int8"):
            assert work.fp32_products == 0
            assert work.int8_products == works[name.replace("int8", "fp32")].fp32_products


def test_what_is_no_processor_is_not_calibrated() -> None:
    with pytest.raises(StageError, match="M252"):
        calibrate(load_target("server-gpu"), LocalRunner(), Reporter())


def test_a_target_of_another_architecture_is_not_calibrated_here() -> None:
    with pytest.raises(StageError, match="M252"):
        calibrate(load_target("browser"), LocalRunner(), Reporter())


@pytest.mark.slow
def test_this_machine_is_calibrated(tmp_path: Path) -> None:
    found = calibrate(ThisMachine(), LocalRunner(), Reporter(), seconds=5)
    assert set(found["seconds"]) == set(UNITS)
    assert found["seconds"]["fp32_products"] > 0
    assert found["evidence"] == "measured"
