"""A decoder's base checkpoint with a byte-pair tokenizer and no padding piece goes from its folder to a bundle that answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import compactor
from tests.end_to_end.conftest import Desk

PROFILE = """\
name: decoder
task: text-classification
target: host
data: {source: builtin:python-docstrings, limit: 300}
controls: {labels_only: false, teacher_int8: false, linear: false}
stages:
  - teacher: {model: base, max_length: 32, train: {epochs: 2, learning_rate: 2.0e-3}}
  - distill:
      student: {layers: 2}
      losses:
        - hinton: {temperature: 2, weight: 0.9}
        - hidden_states: {layers: last, weight: 0.1}
      train: {epochs: 1}
  - prune: {heads: 1, intermediate: [32, 16]}
  - sparsify: {pattern: "2:4", recover: {epochs: 1}}
  - export: {}
  - quantize: {method: dynamic-int8}
  - package: {}
"""


def write_base(folder: Path) -> None:
    """Write a language model with random weights: three layers, four heads that share two of key and value."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([(compactor.__doc__ or "") + "return the value of a file or list " * 20], trainer)
    torch.manual_seed(0)
    shape = {
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 64,
    }
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=64, bos_token_id=0, eos_token_id=0, **shape
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text('{"eos_token": "<|endoftext|>", "model_max_length": 64}')


@pytest.mark.slow
def test_a_decoder_goes_from_a_base_checkpoint_to_a_bundle(tmp_path: Path) -> None:
    write_base(tmp_path / "base")
    (tmp_path / "decoder.yaml").write_text(PROFILE)
    result = Desk(tmp_path).compactor("run", "decoder.yaml", "--quick", COMPACTOR_STORE=str(tmp_path / "store"))
    assert result.returncode == 0, result.stderr
    run = tmp_path / "runs" / "decoder"
    report = json.loads((run / "report.json").read_text())
    assert [row["stage"] for row in report["rows"]] == "teacher distill prune sparsify export quantize package".split()  # noqa: SIM905
    assert "L113" in {finding["code"] for finding in report["rows"][0]["findings"]}
    sparse = report["rows"][3]
    assert {fact["zeros"] for fact in sparse["facts"]["sparsity"]["maps"]} == {0.5}
    dense = report["rows"][2]["compressed_bytes"]
    assert sparse["compressed_bytes"]["model"] == pytest.approx(dense["model"], rel=0.01)
    assert sparse["compressed_bytes"]["zlib"] < dense["zlib"]
    assert compactor.load(run / "bundle")("return the value")["label"]


@pytest.mark.slow
def test_a_loss_of_attention_is_refused_before_any_work(tmp_path: Path) -> None:
    write_base(tmp_path / "base")
    text = PROFILE.replace("hidden_states: {layers: last, weight: 0.1}", "minilm_relations: {heads: 4}")
    (tmp_path / "decoder.yaml").write_text(text)
    result = Desk(tmp_path).compactor("validate", "decoder.yaml")
    assert result.returncode == 2
    assert "P244" in result.stderr + result.stdout
