"""Every complaint of the doctor says what to type; only what must be mended fails."""

from __future__ import annotations

import json

import pytest

from compactor.cli import doctor
from compactor.cli._line import Line
from compactor.cli._packages import by_extra, in_range, package_lines

REQUIREMENTS = [
    "numpy<3,>=2",
    "onnxruntime<1.32,>=1.28",
    'torch<2.14,>=2.9; extra == "toolchain"',
    "ruamel-yaml<0.20,>=0.18.6 ; extra == 'toolchain'",
    'datasets<6,>=4; extra == "hub"',
    'pytest>=8.3; extra == "dev"',
]
RIGHT = {"numpy": "2.4.6", "onnxruntime": "1.31.1", "torch": "2.13.0+cpu", "ruamel.yaml": "0.19.1"}


def told(installed):
    return {line.about: line for line in package_lines(installed, REQUIREMENTS)}


@pytest.mark.parametrize(
    ("version", "allowed", "fits"),
    [
        ("2.13.0+cpu", "<2.14,>=2.9", True),
        ("2.9", ">=2.9.0", True),
        ("2.14.0", "<2.14", False),
        ("2.14.0.dev1", "<2.14", False),
        ("1.9", ">=1.10", False),
        ("3", "!=3.0", False),
        ("0.19.1", "", True),
    ],
)
def test_versions_are_compared_by_number(version, allowed, fits):
    assert in_range(version, allowed) is fits


def test_requirements_are_read_by_extra():
    assert by_extra(REQUIREMENTS)["toolchain"] == {"torch": "<2.14,>=2.9", "ruamel-yaml": "<0.20,>=0.18.6"}


def test_all_is_well():
    lines = told(RIGHT)
    assert {line.state for line in lines.values()} == {"ok", "note"}
    assert lines["hub"] == Line("note", "hub", "not installed (optional)", 'pip install "compactor[hub]"')
    assert "pytest" not in lines


def test_a_package_of_two_extras_is_told_once():
    requirements = ['pillow>=11; extra == "toolchain"', 'pillow>=11; extra == "image"']
    assert [line.about for line in package_lines({"pillow": "13.0"}, requirements)] == ["pillow"]


def test_an_app_without_the_toolchain_is_well():
    lines = told({"numpy": "2.4.6", "onnxruntime": "1.31.1"})
    assert lines["toolchain"].found == "not installed (bundles can be loaded, not made)"
    assert all(line.state != "error" for line in lines.values())


def test_half_a_toolchain_is_not():
    lines = told({**RIGHT, "ruamel.yaml": "0.17"})
    assert lines["ruamel-yaml"] == Line(
        "error", "ruamel-yaml", "0.17 is outside <0.20,>=0.18.6", 'pip install "ruamel-yaml<0.20,>=0.18.6"'
    )
    del lines
    gone = told({name: version for name, version in RIGHT.items() if name != "ruamel.yaml"})
    assert gone["ruamel-yaml"].remedy == 'pip install "compactor[toolchain]"'


def test_optimum_is_not_to_be_installed_beside_the_toolchain():
    """It needs transformers below 4.58, so pip would take the main line away."""
    (line,) = [
        line
        for line in package_lines(RIGHT, [*REQUIREMENTS, 'optimum-onnx==0.1.0; extra == "optimum"'])
        if line.about == "optimum"
    ]
    assert line.remedy.startswith("python -m venv FOLDER")
    assert "COMPACTOR_OPTIMUM_PYTHON" in line.remedy


def test_two_onnxruntimes_are_an_error():
    both = told({**RIGHT, "onnxruntime-gpu": "1.31.1"})["onnxruntime"]
    assert both.state == "error"
    assert "pip uninstall" in both.remedy


@pytest.mark.parametrize("package", ["onnxruntime-gpu", "onnxruntime-openvino"])
def test_a_runtime_for_other_hardware_alone_serves(package):
    alone = told({"numpy": "2.4.6", package: "1.31.1", "torch": "2.13", "ruamel.yaml": "0.19"})
    assert alone["onnxruntime"].state == "ok"


HERE = {
    "cpu_model": "Example",
    "machine": "x86_64",
    "instruction_sets": ["avx2"],
    "cores": 8,
    "cores_allowed": 2,
    "cores_limit": 2.0,
    "memory_bytes": 16 << 30,
    "memory_limit_bytes": 1 << 30,
    "governor": "powersave",
    "chassis": "laptop",
    "virtualised": True,
}


def test_a_machine_that_measures_badly_is_told_with_a_remedy():
    lines = {line.about: line for line in doctor.machine_lines(HERE)}
    assert lines["cores"].found == "2 usable of 8, limited to 2 by the container"
    assert lines["memory"].found == "1.0 GiB (limited by the container)"
    for about in ("int8", "memory", "clock", "virtual machine"):
        assert lines[about].state == "note"
        assert lines[about].remedy


@pytest.mark.parametrize(("instruction", "told"), [("avx512_bf16", "bf16"), ("avx512_vnni", "fp32")])
def test_what_training_will_compute_in_is_told(instruction, told):
    lines = {line.about: line for line in doctor.machine_lines({**HERE, "instruction_sets": ["avx2", instruction]})}
    assert lines["training"].found.startswith(told)


def test_targets_say_what_they_would_be_measured_as():
    here = {**HERE, "instruction_sets": ["avx2", "avx_vnni"]}
    lines = {line.about: line.found for line in doctor.target_lines(here)}
    assert lines["target host"] == "this machine"
    assert lines["target laptop-cpu"] == "this machine"
    assert lines["target arm-edge"].startswith("not here: the target arm-edge is aarch64")


def test_a_full_disk_fails(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 10**6}))
    assert doctor.disk_line(tmp_path).state == "error"


def test_a_complaint_without_a_remedy_cannot_be_written():
    with pytest.raises(ValueError, match="say what to do"):
        Line("error", "x", "broken")


def test_the_command_prints_lines_or_json(compactor):
    status, out, _ = compactor("doctor")
    assert status in {0, 4}
    assert "network" in out
    again, text, _ = compactor("doctor", "--json")
    told = json.loads(text)
    assert again == status
    assert told["ok"] is (status == 0)
    assert {line["about"] for line in told["lines"]} >= {
        "python",
        "numpy",
        "processor",
        "cores",
        "memory",
        "disk",
        "target host",
    }


def test_a_target_says_what_it_lacks_and_what_to_type(monkeypatch):
    pytest.importorskip("pydantic")
    from compactor.base.environment import machine
    from compactor.measuring import providers

    here = {**machine(), "machine": "x86_64", "chassis": "server", "instruction_sets": ["avx2"], "cores_limit": None}
    monkeypatch.setattr(providers, "installed_packages", lambda: {"onnxruntime": "1.31.1"})
    monkeypatch.setattr(providers, "CUDA_FOLDERS", ())
    lines = {line.about: line for line in doctor.target_lines(here)}
    gpu = lines["target server-gpu"]
    assert gpu.state == "note"
    assert "built for the processor only" in gpu.found
    assert "onnxruntime-gpu[cuda,cudnn]" in gpu.remedy
    assert lines["target host"].found == "this machine"
    board = lines["target arm-a76"]
    assert "aarch64" in board.found
    assert "--via ssh" in board.remedy
    assert all(line.state != "error" for line in lines.values()), "a target of another machine is nothing to mend"
