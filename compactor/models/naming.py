"""How each family of transformers names the parts of a layer. A new family is one more `Naming`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Naming:
    """Where a family keeps the parts of one layer (paths below the layer) and how it calls its head count.

    `heads` is empty where the attention module keeps no count and reads it off its matrices. `gate` is the second map of a gated
    feed-forward part; `causal` families attend to the left alone.
    """

    attention: str
    query: str
    key: str
    value: str
    attention_output: str
    attention_norm: str
    intermediate: str
    output: str
    output_norm: str
    heads: str = ""
    gate: str = ""
    causal: bool = False


NAMINGS = (
    Naming(
        attention="attention.self",
        query="attention.self.query",
        key="attention.self.key",
        value="attention.self.value",
        attention_output="attention.output.dense",
        attention_norm="attention.output.LayerNorm",
        intermediate="intermediate.dense",
        output="output.dense",
        output_norm="output.LayerNorm",
        heads="num_attention_heads",
    ),
    Naming(
        attention="attention",
        query="attention.q_lin",
        key="attention.k_lin",
        value="attention.v_lin",
        attention_output="attention.out_lin",
        attention_norm="sa_layer_norm",
        intermediate="ffn.lin1",
        output="ffn.lin2",
        output_norm="output_layer_norm",
        heads="n_heads",
    ),
    Naming(
        attention="self_attn",
        query="self_attn.q_proj",
        key="self_attn.k_proj",
        value="self_attn.v_proj",
        attention_output="self_attn.o_proj",
        attention_norm="input_layernorm",
        intermediate="mlp.up_proj",
        output="mlp.down_proj",
        output_norm="post_attention_layernorm",
        gate="mlp.gate_proj",
        causal=True,
    ),
    # ViT and DeiT from transformers 5 on, and before.
    Naming(
        attention="attention",
        query="attention.q_proj",
        key="attention.k_proj",
        value="attention.v_proj",
        attention_output="attention.o_proj",
        attention_norm="layernorm_before",
        intermediate="mlp.fc1",
        output="mlp.fc2",
        output_norm="layernorm_after",
        heads="num_attention_heads",
    ),
    Naming(
        attention="attention.attention",
        query="attention.attention.query",
        key="attention.attention.key",
        value="attention.attention.value",
        attention_output="attention.output.dense",
        attention_norm="layernorm_before",
        intermediate="intermediate.dense",
        output="output.dense",
        output_norm="layernorm_after",
        heads="num_attention_heads",
    ),
)
