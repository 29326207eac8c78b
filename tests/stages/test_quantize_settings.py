"""What `quantize` refuses before any work: kernels that are not there, runtimes too old, settings that the method would ignore."""

from __future__ import annotations

from typing import Any

import pytest

from compactor.stages.quantize import Quantize
from compactor.targets import Target, load_target


def problems(settings: dict[str, Any], target: Target) -> dict[str, tuple[str, str, str]]:
    found = Quantize.model_validate(settings).problems(task=None, target=target)  # type: ignore[arg-type]
    return {".".join(map(str, path)): (problem.code, problem.sentence, problem.hint) for path, problem in found}


HERE = Target(
    name="here", title="", machine="any", oldest_onnxruntime="1.24", precisions=("fp32", "fp16", "bf16", "int8", "int4")
)


@pytest.mark.parametrize(
    ("settings", "ignored"),
    [
        ({"method": "dynamic-int8", "calibration": {"smoothing": 0.5}}, ["calibration.smoothing"]),
        (
            {"method": "dynamic-int8", "calibration": {"bias_correction": True, "rows": 9}},
            ["calibration.rows", "calibration.bias_correction"],
        ),
        ({"method": "static-int8", "calibration": {"smoothing": 0.5, "bias_correction": True}}, []),
        ({"method": "static-int8", "calibration": {"percentile": 99}}, ["calibration.percentile"]),
        ({"method": "static-int8", "calibration": {"method": "percentile", "percentile": 99}}, []),
        (
            {"method": "dynamic-int8", "repair": True, "calibration": {"smoothing": 0.5}},
            [],
        ),  # the ladder may come to static ranges
        ({"method": "dynamic-int8", "weights": {"bits": 8}}, ["weights.bits"]),
        ({"method": "dynamic-int8", "weights": {"block": 64}}, ["weights.block"]),
        ({"method": "dynamic-int8", "table_bits": 4, "weights": {"block": 64}}, []),
        ({"method": "int4", "table_bits": 4}, ["table_bits"]),
        ({"method": "int4", "weights": {"bits": 8}, "per_channel": False}, ["per_channel"]),
        ({"method": "int4", "calibration": {"rows": 9}}, ["calibration.rows"]),
        ({"method": "int4", "weights": {"algorithm": "gptq"}, "calibration": {"rows": 9}}, []),
        ({"method": "nf4", "weights": {"block": 64, "algorithm": "gptq"}}, ["weights.algorithm"]),
        ({"method": "fp16", "calibration": {"rows": 9}, "embeddings": False}, ["embeddings"]),
        ({"method": "bf16", "reduce_range": True}, ["reduce_range"]),
        ({"method": "dynamic-int8", "max_drop": 0.02}, ["max_drop"]),
        ({"method": "dynamic-int8", "max_drop": 0.02, "keep": "auto"}, []),
        ({"method": "fp16", "max_drop": 0.02, "keep": ["*classifier*"]}, ["max_drop"]),
        ({"method": "int4", "max_drop": 0.02, "repair": True}, []),
        (
            {"method": "static-int8", "table_bits": 4, "embeddings": False, "weights": {"block": 64}},
            ["table_bits", "weights.block"],
        ),
        ({"method": "dynamic-int8", "embeddings": True, "per_channel": True}, []),  # said as it is anyway
    ],
)
def test_a_setting_that_the_method_would_ignore_is_refused(settings, ignored):
    found = problems(settings, HERE)
    assert sorted(found) == sorted(ignored)
    for path, (code, sentence, hint) in found.items():
        assert code == "Q123"
        assert sentence == f"{path} is nothing that {settings['method']} looks at"
        assert hint.startswith("use it with ")


@pytest.mark.parametrize("method", ["int4", "nf4", "fp4"])
def test_four_bits_on_an_old_runtime_tell_exactly_what_to_write(method):
    code, sentence, hint = problems({"method": method}, load_target("laptop-cpu"))["method"]
    assert (code, sentence) == ("Q121", f"{method} needs onnxruntime 1.17, and laptop-cpu may have 1.16")
    assert "`same_as: laptop-cpu`" in hint
    assert 'oldest_onnxruntime: "1.23"' in hint


def test_tables_in_4_bits_need_a_newer_runtime_than_int8_does():
    found = problems({"method": "dynamic-int8", "table_bits": 4}, load_target("laptop-cpu"))
    assert set(found) == {"table_bits"}
    code, sentence, hint = found["table_bits"]
    assert (code, sentence) == ("Q121", "table_bits: 4 needs onnxruntime 1.23, and laptop-cpu may have 1.16")
    assert hint.endswith("or use table_bits: 8")


@pytest.mark.parametrize(
    ("weights", "oldest", "since"),
    [
        ({"bits": 4}, "1.17", ""),
        ({"bits": 4, "accuracy_level": 0}, "1.17", ""),
        ({"bits": 8}, "1.21", "1.22"),
        ({"bits": 8}, "1.22", ""),
        ({"bits": 8, "accuracy_level": 0}, "1.22", "1.23"),
        ({"bits": 8, "accuracy_level": 0}, "1.23", ""),
        ({"bits": 2}, "1.23", "1.24"),
        ({"bits": 2, "accuracy_level": 0}, "1.23", "1.24"),
        ({"bits": 2}, "1.24", ""),
    ],
)
def test_other_bits_than_four_need_a_newer_runtime(weights, oldest, since):
    found = problems({"method": "int4", "weights": weights}, HERE.model_copy(update={"oldest_onnxruntime": oldest}))
    assert set(found) == ({"weights.bits"} if since else set())
    for code, sentence, hint in found.values():
        assert code == "Q121"
        assert sentence.endswith(f"needs onnxruntime {since}, and here may have {oldest}")
        assert f'oldest_onnxruntime: "{max(since, "1.23")}"' in hint


def test_bits_are_asked_for_once_on_a_runtime_that_has_none():
    assert set(problems({"method": "int4", "weights": {"bits": 2}}, load_target("laptop-cpu"))) == {"method"}


def test_what_the_hint_says_works(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text('name: mine\ntitle: new laptops\nsame_as: laptop-cpu\noldest_onnxruntime: "1.23"\n', encoding="utf-8")
    assert problems({"method": "nf4"}, load_target(str(path))) == {}


def test_bfloat16_is_for_providers_with_its_kernels():
    assert problems({"method": "bf16"}, load_target("laptop-cpu"))["method"][0] == "Q110"
    assert problems({"method": "bf16"}, load_target("server-gpu")) == {}


@pytest.mark.parametrize("method", ["fp16", "bf16"])
def test_there_is_no_ladder_above_sixteen_bits(method):
    assert problems({"method": method, "keep": "auto"}, HERE)["keep"][0] == "Q115"
