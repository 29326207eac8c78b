"""From image files to what a model reads, against transformers' own Pillow processors and by hand."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compactor.base.errors import MissingError
from compactor.base.images import ImageError, ImageSettings, as_rgb, normalized, open_image, prepare

Image = pytest.importorskip("PIL.Image")
DICE = np.random.default_rng(0)
SHAPES = ((50, 70), (71, 33), (8, 8), (1, 1))


def picture(height: int, width: int) -> Any:
    return Image.fromarray(DICE.integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.model
@pytest.mark.parametrize(
    ("family", "given"),
    [
        ("vit", {}),
        (
            "vit",
            {"size": {"height": 30, "width": 40}, "resample": 3, "image_mean": [0.1, 0.2, 0.3], "image_std": [0.5, 0.4, 0.3]},
        ),
        ("vit", {"do_resize": True, "do_normalize": False, "size": {"height": 9, "width": 9}}),
        ("deit", {}),
        ("deit", {"size": {"height": 21, "width": 20}, "crop_size": {"height": 32, "width": 17}}),
        ("clip", {"size": {"shortest_edge": 33}, "crop_size": {"height": 32, "width": 32}}),
    ],
)
def test_pixels_are_those_of_transformers(family, given):
    from importlib import import_module

    try:
        module = import_module(f"transformers.models.{family}.image_processing_pil_{family}")
    except ImportError:
        pytest.skip("this transformers has no Pillow processors")
    name = {"vit": "ViT", "deit": "DeiT", "clip": "CLIP"}[family]
    processor = getattr(module, f"{name}ImageProcessorPil")(**given)
    settings = ImageSettings.read(processor.to_dict())
    for shape in SHAPES:
        image = picture(*shape)
        wanted = processor(image, return_tensors="np")["pixel_values"][0]
        found = normalized(prepare(image, settings), settings)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)


def test_older_files_say_a_size_as_a_number():
    settings = ImageSettings.read({"size": 32, "do_normalize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3})
    assert settings.size == (32, 32)
    values = normalized(np.array([0, 255], dtype=np.uint8).repeat(3).reshape(2, 3, 1, 1), settings)
    np.testing.assert_allclose(values[:, 0, 0, 0], [-1.0, 1.0])


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"size": {"shortest_edge": 32}}, "one size"),
        ({"do_pad": True}, "do_pad"),
        ({"crop_pct": 0.875}, "crop_pct"),
        ({"size": {"max_height": 3}}, "neither height"),
        ({"image_mean": [0.5, 0.5]}, "three channels"),
        ({"resample": 9}, "filters"),
    ],
)
def test_a_step_that_is_not_known_is_refused(told, words):
    with pytest.raises(ValueError, match=words):
        ImageSettings.read(told)


def test_kinds_of_pixels():
    grey = Image.fromarray(np.full((2, 2), 100, dtype=np.uint8))
    assert np.asarray(as_rgb(grey)).tolist() == [[[100] * 3] * 2] * 2
    assert as_rgb(grey.convert("P")).getpixel((0, 0)) == (100, 100, 100)
    clear = Image.new("RGBA", (2, 2), (10, 20, 30, 0))
    assert as_rgb(clear).getpixel((0, 0)) == (10, 20, 30)
    deep = Image.fromarray(np.array([[0, 32768, 65535]], dtype=np.uint16))
    assert np.asarray(as_rgb(deep))[0, :, 0].tolist() == [0, 128, 255]
    with pytest.raises(ImageError, match="fractions"):
        as_rgb(Image.fromarray(np.zeros((2, 2), dtype=np.float32)))


def test_an_image_is_turned_as_its_camera_was(tmp_path: Path):
    upright = Image.fromarray(np.array([[[255, 0, 0], [0, 255, 0]]], dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it rotated by 90 degrees
    upright.save(tmp_path / "turned.png", exif=exif)
    found = open_image(tmp_path / "turned.png")
    assert found.size == (1, 2)
    assert [found.getpixel((0, row)) for row in range(2)] == [(255, 0, 0), (0, 255, 0)]


def png(width: int, height: int) -> bytes:
    """A file that claims a size and has no pixels to show for it."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [10_000, 60_000])
def test_a_bomb_is_refused_before_it_is_decoded(side):
    with pytest.raises(ImageError, match="pixels are allowed"):
        open_image(png(side, side))


def test_broken_files_are_told():
    stream = io.BytesIO()
    picture(64, 64).save(stream, "JPEG")
    for content, words in ((stream.getvalue()[:700], "truncated"), (b"not an image", "known format"), (png(9, 9), "decoded")):
        with pytest.raises(ImageError, match=words):
            open_image(content)


def test_without_pillow_one_sentence_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingError, match=r'T280.*pip install "compactor\[image\]"'):
        open_image(b"")
