"""Rows and labels from files, folders, the hub or the running Python, without a Python object a row. Knows nothing of models.

Codes of what can be wrong with data (exit status 2 unless said otherwise):

| code | what is wrong |
|---|---|
| D101 | no such file or folder; a format that is not known |
| D102 | a column is missing, or named twice |
| D103 | bytes that are not UTF-8 |
| D104 | the file is malformed: a row with too many cells, broken JSON, a damaged parquet file |
| D105 | the file has no rows |
| D106 | a column holds what cannot be text: NaN, lists, images |
| D107 | a label is missing, or is not a name or a whole number |
| D108 | too many different labels, or only one |
| D109 | a label of the validation or test split does not occur in the training data |
| D110 | too few rows for a validation split |
| D111 | a split that the folder or hub dataset does not have |
| D112 | the words and the tags of a row are not equally many |
| D113 | a set of labels has one twice: a list of 0 and 1 for every label, perhaps |
| D180 | an image is not there |
| D181 | an image cannot be decoded, or has too many pixels |
| D183 | a folder of images has splits where labels should be |
| D184 | an image has changed since the data was read |
| D185 | a file in a folder of images is none by its name |
| D120 | the package `datasets` is not installed (exit status 4) |
| D121 | the network is needed and not allowed (exit status 4) |
| D122 | the hub, or the dataset on it, cannot be reached (exit status 4) |

Findings: D201 size and classes, D202 imbalance, D203 empty texts, D204 test texts that also occur in train, D205 equal texts with
different labels, D206 classes without training rows, D207 no test split, D208 limited rows, D209 validation texts that also occur in train,
D210 texts inside longer training texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compactor.data.settings import DataSettings

if TYPE_CHECKING:
    from compactor.data.batches import grouped_batches
    from compactor.data.dataset import DatasetWriter, read_dataset
    from compactor.data.encoded import Encoded
    from compactor.data.encoded_images import EncodedImages, encode_images
    from compactor.data.encoding import encode
    from compactor.data.fingerprint import fingerprint_data
    from compactor.data.open import Data, open_data
    from compactor.data.rows import Rows
    from compactor.data.unlabelled import fingerprint_unlabelled, open_unlabelled

__all__ = [
    "Data",
    "DataSettings",
    "DatasetWriter",
    "Encoded",
    "EncodedImages",
    "Rows",
    "encode",
    "encode_images",
    "fingerprint_data",
    "fingerprint_unlabelled",
    "grouped_batches",
    "open_data",
    "open_unlabelled",
    "read_dataset",
]

# Each name and the file that has it; pyarrow and tokenizers are imported only by who opens data.
_HOMES = {
    "Data": "open",
    "open_data": "open",
    "Rows": "rows",
    "DatasetWriter": "dataset",
    "read_dataset": "dataset",
    "fingerprint_unlabelled": "unlabelled",
    "open_unlabelled": "unlabelled",
    "Encoded": "encoded",
    "EncodedImages": "encoded_images",
    "encode_images": "encoded_images",
    "encode": "encoding",
    "fingerprint_data": "fingerprint",
    "grouped_batches": "batches",
}


def __getattr__(name: str) -> Any:
    """Import a name's file at first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'compactor.data' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"compactor.data.{_HOMES[name]}"), name)
