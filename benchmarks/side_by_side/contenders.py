"""Who takes part: the peers, each with the environment that it needs and what it is asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Contender:
    """One row of the table.

    Attributes:
        name: in the table; unique.
        peer: its requirements are `environments/<peer>.txt`, its script `peers/<peer>.py`.
        variant: what the script is told to make.
        about: what was asked of the tool, in its own words.
    """

    name: str
    peer: str
    variant: str
    about: str


CONTENDERS = (
    Contender(
        "Optimum, dynamic int8", "optimum", "dynamic", "ORTQuantizer, AutoQuantizationConfig.avx512_vnni(is_static=False)"
    ),
    Contender(
        "Optimum, dynamic int8, per tensor",
        "optimum",
        "dynamic-per-tensor",
        "the same with per_channel=False, which is onnxruntime's own default",
    ),
    Contender(
        "Neural Compressor 2.6, dynamic int8",
        "neural_compressor_2",
        "dynamic",
        "PostTrainingQuantConfig(approach='dynamic') on the ONNX graph; 2.6 is the last release that reads ONNX",
    ),
    Contender(
        "Neural Compressor 2.6, static int8",
        "neural_compressor_2",
        "static",
        "approach='static', 128 training rows, all else default",
    ),
    Contender(
        "Neural Compressor 3.10, static int8",
        "neural_compressor",
        "static",
        "the present release, which quantizes torch models only: get_default_static_config, 128 training rows, exported by torch.onnx",
    ),
    Contender("Olive, dynamic int8", "olive", "dynamic", "OnnxConversion, OnnxDynamicQuantization"),
    Contender(
        "Olive, fused, dynamic int8",
        "olive",
        "fused",
        "OnnxConversion, OrtTransformersOptimization, OnnxDynamicQuantization",
    ),
    Contender("Model2Vec", "model2vec", "default", "distill(encoder), StaticModelForClassification.fit, all at their defaults"),
    Contender("Model2Vec, int8", "model2vec", "int8", "the same, its table quantized with quantize_to='int8'"),
)
