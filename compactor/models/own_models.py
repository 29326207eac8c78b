"""Makes transformers' Auto classes know the model families that are compactor's own, so that folders of them load like any other."""

from __future__ import annotations

OWN = ("compactor-static", "compactor-conv")


def register() -> None:
    """Register the families; calling it again changes nothing."""
    from transformers import AutoConfig, AutoModelForSequenceClassification

    from compactor.models.conv_model import ConvConfig, ConvForSequenceClassification
    from compactor.models.static_model import StaticConfig, StaticForSequenceClassification

    for config, model in ((StaticConfig, StaticForSequenceClassification), (ConvConfig, ConvForSequenceClassification)):
        AutoConfig.register(config.model_type, config, exist_ok=True)
        AutoModelForSequenceClassification.register(config, model, exist_ok=True)
