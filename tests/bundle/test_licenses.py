"""Licences: compactor's own text is the repository's, a model's is what its files state, and nothing is made up."""

from __future__ import annotations

from pathlib import Path

import pytest

from compactor.bundle.licenses import APACHE, NOT_STATED, stated_licence, write_licenses

ROOT = Path(__file__).parent.parent.parent


def test_the_packaged_text_is_the_repository_s():
    assert APACHE.read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert "Apache License" in APACHE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("README.md", "---\nlanguage: en\nlicense: mit # yes\n---\n# Model\nlicense: gpl\n", "mit"),
        ("README.md", '---\nlicense: "apache-2.0"\n---\n', "apache-2.0"),
        ("README.md", "# Model\nlicense: gpl\n", None),
        ("README.md", "", None),
        ("config.json", '{"license": "bsd-3-clause"}', "bsd-3-clause"),
        ("config.json", '{"model_type": "bert"}', None),
        ("config.json", "not json", None),
        ("other.txt", "license: mit", None),
    ],
)
def test_a_licence_is_read_where_models_state_it(tmp_path, name, content, expected):
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert stated_licence(tmp_path) == expected


def test_what_nobody_states_is_not_made_up(tmp_path):
    write_licenses(tmp_path, model=None, data="CC-BY-4.0", examples=0)
    notice = (tmp_path / "NOTICE.txt").read_text(encoding="utf-8")
    assert f"Licence of the model: {NOT_STATED}" in notice
    assert "Licence of the data: CC-BY-4.0" in notice
    assert "golden.json holds none of its texts" in notice
