"""Read a folder that the `datasets` library saved, or a dataset of the hub; the library is imported only here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compactor.base.errors import DataError, MissingError
from compactor.data.columns import Columns
from compactor.data.read_parquet import name_classes
from compactor.data.source import Source, offline
from compactor.data.table import Raw

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 8192
# Names that a role's split goes by; the first that is there is taken.
SPLIT_NAMES = {
    "validation": ("validation", "valid", "dev"),
    "unlabelled": ("unlabelled", "unlabeled", "unsupervised", "train"),
}


def read_folder(source: Source, columns: Columns) -> Raw:
    """Stream a folder made by `save_to_disk`; of several splits the one with the role's name is taken.

    Raises:
        MissingError: `datasets` is not installed.
        DataError: the folder cannot be loaded, has no such split or no such column.
    """
    library = _library(source)
    try:
        loaded = library.load_from_disk(str(source.path))
    except (OSError, ValueError, KeyError) as error:
        raise DataError("D104", f"{source.name} cannot be loaded: {error}", "save it again with `save_to_disk`") from error
    return _raw(_split(loaded, source), columns, source)


def read_hub(source: Source, columns: Columns, *, cache: Path, online: bool) -> Raw:
    """Stream a dataset of the hub, downloaded into the cache.

    Raises:
        MissingError: the network is not allowed, `datasets` is not installed, or the hub does not answer.
        DataError: the dataset has no such split or column.
    """
    if not online:
        raise offline(source)
    library = _library(source)
    name, _, config = source.name.partition(":")
    download = library.DownloadConfig(cache_dir=str(cache / "hub" / "downloads"), max_retries=1)
    try:
        # Asked first: `load_dataset` alone retries for half a minute before it says that nobody answers.
        _ask_hub(name)
        loaded = library.load_dataset(name, config or None, cache_dir=str(cache / "hub"), download_config=download)
    except Exception as error:
        # Each version of the two hub libraries raises other types here (httpx, requests, their own): all mean "not to be had".
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise MissingError(
            "D122",
            f"data.{source.role}: the hub did not give {source.name}: {reason}",
            "check the name and the network, then run again",
        ) from error
    return _raw(_split(loaded, source), columns, source)


def _library(source: Source) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise MissingError(
            "D120", f"data.{source.role}: {source.name} needs the package `datasets`", 'pip install "compactor[hub]"'
        ) from error
    return datasets


def _ask_hub(name: str) -> None:
    from huggingface_hub import HfApi

    HfApi().dataset_info(name, timeout=20)


def _split(loaded: Any, source: Source) -> Any:
    """Return the dataset of the role out of a DatasetDict; a plain dataset is that already."""
    if not hasattr(loaded, "keys"):
        return loaded
    wanted = SPLIT_NAMES.get(source.role, (source.role,))
    found = next((name for name in wanted if name in loaded), None)
    if found is None:
        raise DataError("D111", f"{source.name} has no split {source.role!r}", f"its splits are {', '.join(loaded)}")
    return loaded[found]


def _raw(dataset: Any, columns: Columns, source: Source) -> Raw:
    columns.check(list(dataset.column_names), source.name)
    names = _class_names(dataset.features[columns.label]) if columns.label else ()
    batches = _batches(dataset.select_columns(columns.names))
    return Raw(name_classes(batches, columns.label, names, source.name), names) if columns.label and names else Raw(batches)


def _class_names(feature: Any) -> tuple[str, ...]:
    """Return the names of a ClassLabel, or of a list of such; else nothing."""
    inner = feature[0] if isinstance(feature, list) else getattr(feature, "feature", feature)
    return tuple(getattr(inner, "names", None) or ())


def _batches(dataset: Any) -> Iterator[pa.RecordBatch]:
    for table in dataset.with_format("arrow").iter(batch_size=BATCH_ROWS):
        yield from table.combine_chunks().to_batches()
