"""docs/findings.md has a row for every finding that the code can tell, and for no other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = re.compile(r"[A-Z]\d{3}")


def literals(node: ast.AST) -> set[str]:
    """Return the codes among the string constants below a node."""
    found = {each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)}
    return {value for value in found if CODE.fullmatch(value)}


def codes_of(source: str) -> set[str]:
    """Return the codes of the findings that a file makes; a code that is no constant is one of the file's that are no error's."""
    tree = ast.parse(source)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    made = [call for call in calls if call.func.id == "Finding" and (call.args or call.keywords)]  # type: ignore[attr-defined]
    found: set[str] = set()
    for call in made:
        first = call.args[0] if call.args else call.keywords[0].value
        found |= literals(first)
        if not literals(first):
            errors = [each for each in calls if each.func.id.endswith(("Error", "Problem"))]  # type: ignore[attr-defined]
            found |= literals(tree) - {code for each in errors for code in literals(each)}
    return found


def test_every_finding_is_explained():
    told = {code for path in (ROOT / "compactor").rglob("*.py") for code in codes_of(path.read_text(encoding="utf-8"))}
    rows = [
        line
        for line in (ROOT / "docs/findings.md").read_text(encoding="utf-8").splitlines()
        if re.match(r"\| [A-Z]\d{3}", line)
    ]
    explained = [code for row in rows for code in CODE.findall(row.split("|")[1])]
    assert sorted(told - set(explained)) == [], "add a row to docs/findings.md"
    assert sorted(set(explained) - told) == [], "docs/findings.md explains what no code tells"
    assert len(explained) == len(set(explained))
    assert all(len(row.split("|")) == 6 and all(cell.strip() for cell in row.split("|")[1:5]) for row in rows)
