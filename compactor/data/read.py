"""Open a source of any format as a stream of Arrow batches."""

from __future__ import annotations

from pathlib import Path

from compactor.base.errors import DataError, Place
from compactor.data.columns import Columns
from compactor.data.source import Source
from compactor.data.table import Raw


def read_source(source: Source, columns: Columns, *, cache: Path, online: bool) -> Raw:
    """Start to read a source; rows come when the batches are asked for.

    Args:
        source: what to read.
        columns: which columns must be there and are read; others are not touched.
        cache: folder for what the hub sends.
        online: the user allowed the network.

    Raises:
        DataError: the source does not have the columns, or is malformed (also later, while reading).
        MissingError: `datasets` is not installed, or the hub cannot be reached.
    """
    if source.kind in {"folder", "hub"}:
        from compactor.data.read_datasets import read_folder, read_hub

        return (
            read_folder(source, columns) if source.kind == "folder" else read_hub(source, columns, cache=cache, online=online)
        )
    assert source.path is not None
    if source.path.stat().st_size == 0:
        raise DataError("D105", f"{source.name} is empty", "a first line with the column names, then one row a line")
    if source.kind in {"csv", "tsv"}:
        from compactor.data.read_csv import read_csv

        return read_csv(source, columns)
    if source.kind == "parquet":
        from compactor.data.read_parquet import read_parquet

        return read_parquet(source, columns)
    if source.kind == "conll":
        from compactor.data.read_conll import read_conll

        return read_conll(source, columns)
    from compactor.data.read_json import read_json_lines, read_json_list

    return read_json_list(source, columns) if source.kind == "json" else read_json_lines(source, columns)


def check_encoding(path: Path, name: str) -> None:
    """Refuse a text file that is not UTF-8, with the line and column of the first wrong byte.

    A second pass over the file, made only when the reader has found fault with it.
    """
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                guess = (
                    "it looks like UTF-16"
                    if number == 1 and line[:2] in {b"\xff\xfe", b"\xfe\xff"}
                    else "it may be Latin-1 or Windows-1252"
                )
                column = len(line[: error.start].decode("utf-8")) + 1
                raise DataError(
                    "D103",
                    f"byte 0x{line[error.start]:02x} is not UTF-8",
                    f"{guess}; save the file as UTF-8",
                    Place(name, number, column),
                ) from error
