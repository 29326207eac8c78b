"""Targets: what is shipped is right, what is wrong is told whole, and an alias stands for another file."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("pydantic")

from compactor.base.errors import ProfileError
from compactor.targets import load_target, target_names

GOOD = {"name": "mine", "title": "my board", "machine": "aarch64"}


def written(folder: Path, **more: object) -> str:
    import json

    path = folder / "mine.yaml"
    path.write_text(json.dumps(GOOD | more), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", target_names())
def test_a_shipped_target_is_right_and_named_as_its_file(name: str) -> None:
    assert load_target(name).name == name


def test_the_edge_board_is_the_one_with_dot_products() -> None:
    edge, a76, a72 = (load_target(name) for name in ("arm-edge", "arm-a76", "arm-a72"))
    assert edge.model_copy(update={"name": "arm-a76"}) == a76
    assert "asimddp" in a76.instructions
    assert a76.int8_dot_product
    assert "asimddp" in a72.without
    assert not a72.int8_dot_product


def test_the_laptops_differ_in_vnni() -> None:
    new, old = load_target("laptop-cpu"), load_target("laptop-cpu-no-vnni")
    assert new.int8_dot_product
    assert not old.int8_dot_product
    assert "avx512_vnni" in old.without


def test_what_does_not_change_an_artifact_stays_out_of_its_key() -> None:
    edge = load_target("arm-edge")
    priced = edge.model_copy(update={"price_per_hour": 0.02, "host": "pi@board", "image": "board:1"})
    assert priced.key() == edge.key()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"instructions": ["avx3"]}, "unknown instruction set avx3; known are"),
        ({"batches": [0]}, "batches.0: Input should be greater than or equal to 1"),
        ({"lengths": []}, "lengths: "),
        ({"provider": "cuda"}, "provider: "),
        ({"cuda_graphs": True}, "needs io_binding: true"),
        ({"core": "cortex-a76", "machine": "x86_64"}, "is an aarch64 core"),
        ({"instructions": ["asimddp"], "without": ["asimddp"]}, "both in `instructions` and in `without`"),
        ({"host": "-oProxyCommand=sh"}, "is no host"),
        ({"ssh": {"fingerprint": "MD5:ab"}}, "ssh.fingerprint: "),
        ({"ssh": {"python": "python3; rm -rf /"}}, "ssh.python: "),
        ({"price_per_hour": -1}, "price_per_hour: "),
        ({"colour": "red"}, "colour: "),
        ({"same_as": "arm-egde"}, "there is no shipped target arm-egde"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ProfileError) as caught:
        load_target(written(tmp_path, **wrong))
    assert "P141" in str(caught.value)
    assert words in str(caught.value)


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ProfileError) as caught:
        load_target(written(tmp_path, threads=0, price_per_hour=-1))
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize("text", ["- a list\n", "name: [\n"])
def test_a_file_that_is_no_target(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProfileError, match="P141"):
        load_target(str(path))


def test_a_target_that_is_not_there() -> None:
    with pytest.raises(ProfileError, match=r"P140.*arm-edge"):
        load_target("no-such")
    with pytest.raises(ProfileError, match=r"there is no target arm-egde \(did you mean 'arm-edge'\? or a path"):
        load_target("arm-egde")


def test_an_own_file_may_stand_on_a_shipped_one(tmp_path: Path) -> None:
    path = tmp_path / "kitchen.yaml"
    path.write_text("name: kitchen\nsame_as: arm-edge\nhost: pi@kitchen\nthreads: 2\n", encoding="utf-8")
    mine = load_target("kitchen.yaml", (tmp_path,))
    assert (mine.name, mine.host, mine.threads, mine.instructions) == ("kitchen", "pi@kitchen", 2, ("asimddp",))
