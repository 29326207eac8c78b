"""What a model file takes when it is compressed for download: asked for where a stage saves nothing else, as zeros do."""

from __future__ import annotations

import zlib
from pathlib import Path

from compactor.base.atomic import read_json, write_json
from compactor.base.finding import Finding
from compactor.base.hashing import hash_file
from compactor.pipeline.execute import Session
from compactor.pipeline.record import Row

LEVEL = 6  # what web servers and zip archives use
CHUNK_BYTES = 1 << 20


def compressed_bytes(session: Session, folder: Path) -> dict[str, int]:
    """Return the bytes of a folder's ONNX file: `model` as it is, `zlib` compressed; computed once for this file and kept."""
    from compactor.measuring.size import model_file

    file = model_file(folder)

    def build(target: Path) -> None:
        write_json(target / "bytes.json", {"model": file.stat().st_size, "zlib": deflated(file)})

    kept = session.derive("compressed size", {"file": hash_file(file), "level": LEVEL}, build)
    found: dict[str, int] = read_json(kept / "bytes.json")
    return found


def deflated(file: Path) -> int:
    """Return how many bytes a file takes after zlib."""
    packer, size = zlib.compressobj(LEVEL), 0
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            size += len(packer.compress(chunk))
    return size + len(packer.flush())


def tell_compressed(session: Session, row: Row, before: Row | None, *, sparse: bool) -> None:
    """Note a row's compressed size, and tell what zeros saved.

    Args:
        session: keeps what was computed.
        row: in the making; gets `compressed_bytes`, and a finding.
        before: the row it was made from.
        sparse: this row's stage made zeros.
    """
    if row.onnx is None or row.artifact is None:
        return
    row.compressed_bytes = now = compressed_bytes(session, row.artifact.folder if row.artifact.kind == "bundle" else row.onnx)
    dense = before.compressed_bytes if before is not None else None
    if not sparse or dense is None:
        return
    sentence = (
        f"model.onnx takes {now['model'] / 1e6:.2f} MB with zeros and {dense['model'] / 1e6:.2f} MB without; "
        f"compressed by zlib {now['zlib'] / 1e6:.2f} MB with zeros and {dense['zlib'] / 1e6:.2f} MB without"
    )
    hint = (
        "zeros save bytes only where the file is compressed, as in a download; on disk and in memory it is as large as before"
    )
    row.findings.append(Finding("K245", "note", sentence, hint, row.stage).as_dict())
