"""Lets plain transformers read a folder whose shape a plain configuration cannot say: a short modeling file is written beside the weights.

`AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True)` runs that file, which needs torch and transformers
alone. compactor writes it and never runs it: `compactor.models.load` knows `layer_widths` and `factorized_embedding` itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from compactor.base.atomic import write_text
from compactor.models.factorized import read_factor
from compactor.models.families import describe, is_layered
from compactor.models.widths import read_widths

MODULE, CLASS, FIELD = "modeling_uneven", "UnevenModel", "auto_map"
TEMPLATE = Path(__file__).with_name("standalone_template.py")
MARK = "# --- the rest is the same for every family ---\n"


def name_code(model: Any) -> str:
    """Let a model's configuration name the modeling file that its folder needs, and return the file's text; empty where none is needed.

    The family's own class and the places of its maps are written into the file, so that it stands alone.
    """
    config = model.config
    if hasattr(config, FIELD):
        delattr(config, FIELD)
    base = type(model).__name__
    stock = type(model).__module__.startswith("transformers.") and "For" in base
    if not stock or not is_layered(model) or (read_widths(config) is None and read_factor(config) is None):
        return ""
    setattr(config, FIELD, {f"AutoModelFor{base.split('For', 1)[1]}": f"{MODULE}.{CLASS}"})
    encoder = describe(model)
    naming = encoder.parts[0].naming
    names = ("attention", "query", "key", "value", "attention_output", "intermediate", "gate", "output", "heads")
    where = {"layers": encoder.layers_path, **{name: getattr(naming, name) for name in names if getattr(naming, name)}}
    head = (
        f'"""{base} whose layers are not all equally wide, or whose piece table is factorized, as its config.json says.\n\n'
        "Written by compactor; needs torch and transformers alone. config.json names it in auto_map:\n"
        f"    AutoModelFor{base.split('For', 1)[1]}.from_pretrained(folder, trust_remote_code=True)\n"
        '"""\n\nfrom __future__ import annotations\n\nfrom typing import Any\n\nfrom torch import Tensor, nn\n'
        f"from transformers import {base} as Even\n\n"
        "# Where the family keeps its layers, and in a layer its maps; `heads` is the attribute that counts them.\n"
        f"WHERE = {where!r}\n"
    )
    return head + TEMPLATE.read_text(encoding="utf-8").split(MARK)[1]


def write_code(text: str, folder: Path) -> None:
    """Write the modeling file beside the weights; a file that is no longer needed goes."""
    path = folder / f"{MODULE}.py"
    if text:
        write_text(path, text)
    else:
        path.unlink(missing_ok=True)
