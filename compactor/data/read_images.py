"""Images as rows: the hash of each file, its path and its label; every image is decoded once, so that a broken one is told at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from compactor.base.environment import cores_allowed
from compactor.base.errors import DataError
from compactor.base.images import ImageError, open_image
from compactor.data.columns import Columns, as_text
from compactor.data.image_folder import hash_image, labelled_images, missing_image
from compactor.data.read import read_source
from compactor.data.source import Source
from compactor.data.table import Raw

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_ROWS = 512
# The columns of a table of images: content, path, label.
IMAGES = Columns("text", None, "label", place="place")


def read_images(source: Source, image: str, label: str, near: tuple[Path, ...], *, cache: Path, online: bool) -> Raw:
    """Start to read images: a folder with a folder for each label, or a table with a column of paths.

    Args:
        source: folder or table.
        image: column with the path; relative ones are looked for beside the table, then in `near`.
        label: column with the label.
        near: folders against which paths are resolved.
        cache: folder for what the hub sends.
        online: the user allowed the network.

    Raises:
        DataError: D180 to D185, also later while reading.
        MissingError: T280 Pillow is not installed.
    """
    if source.kind == "images":
        assert source.path is not None
        return Raw(_of_folder(source.path, source.name))
    raw = read_source(source, Columns(image, None, label), cache=cache, online=online)
    beside = (source.path.parent, *near) if source.path is not None else near
    return Raw(_of_table(raw.batches, source.name, image, label, beside), raw.class_names)


def paths_of(source: Source, image: str, near: tuple[Path, ...]) -> Iterator[Path]:
    """Yield the paths in a table of images, which is a file or a folder here, resolved."""
    assert source.path is not None
    beside = (source.path.parent, *near)
    for batch in read_source(source, Columns(image, None, None), cache=source.path.parent, online=False).batches:
        for told in as_text(batch.column(image), image, source.name, 1).to_pylist():
            yield _found(told, beside)


def _of_folder(folder: Path, name: str) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    found = labelled_images(folder, name)
    while block := list(islice(found, BLOCK_ROWS)):
        labels = pa.array([label for label, _ in block], pa.large_string())
        yield _checked([path for _, path in block], labels)


def _of_table(
    batches: Iterator[pa.RecordBatch], name: str, image: str, label: str, near: tuple[Path, ...]
) -> Iterator[pa.RecordBatch]:
    row = 0
    for batch in batches:
        for start in range(0, batch.num_rows, BLOCK_ROWS):
            part = batch.slice(start, BLOCK_ROWS)
            told = as_text(part.column(image), image, name, row + 1).to_pylist()
            yield _checked([_found(each, near) for each in told], part.column(label))
            row += part.num_rows


def _found(told: str, near: tuple[Path, ...]) -> Path:
    """Return where an image is; the first place where nothing is, if it is nowhere, so that the error names it."""
    path = Path(told).expanduser()
    places = [path] if path.is_absolute() else [folder / path for folder in near]
    return next((place for place in places if place.is_file()), places[0])


def _checked(paths: Sequence[Path], labels: pa.Array) -> pa.RecordBatch:
    """Return rows of images that all can be decoded; Pillow decodes on all cores, it lets go of the interpreter meanwhile."""
    import pyarrow as pa

    with ThreadPoolExecutor(cores_allowed()) as pool:
        contents = list(pool.map(_content, paths))
    places = [str(path.resolve()) for path in paths]
    return pa.record_batch(
        {"text": pa.array(contents, pa.large_string()), "place": pa.array(places, pa.large_string()), "label": labels}
    )


def _content(path: Path) -> str:
    """Return the hash of an image that can be decoded."""
    content = hash_image(path)
    try:
        open_image(path)
    except ImageError as error:
        raise image_error(path, error) from error
    return content


def image_error(path: Path | str, error: ImageError) -> DataError:
    """Name the file of an image that cannot be used."""
    return DataError("D181", f"the image {path} cannot be used: {error}", error.hint)


def read_bytes(path: Path) -> bytes:
    """Return an image file's bytes.

    Raises:
        DataError: D180.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise missing_image(path, error) from error
