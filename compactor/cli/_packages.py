"""Installed packages against the ranges that the package's own metadata names; none is imported."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable

from compactor.base.environment import RUNTIMES
from compactor.cli._line import Line
from compactor.exporting.optimum_python import HINT as OPTIMUM_HINT

REQUIREMENT = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*\(?(?P<range>[^;()]*)\)?\s*(?:;(?P<marker>.*))?$")
EXTRA = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")
COMPARE: dict[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    ">=": lambda have, want: have >= want,
    "<=": lambda have, want: have <= want,
    "==": lambda have, want: have == want,
    "!=": lambda have, want: have != want,
    ">": lambda have, want: have > want,
    "<": lambda have, want: have < want,
}
NEEDED = ("", "toolchain")
SKIPPED = {"dev"}
APART = {"optimum": OPTIMUM_HINT}  # extras that cannot share an environment with the others


def package_lines(installed: dict[str, str], requirements: list[str] | None = None) -> list[Line]:
    """Compare what is installed with what is required.

    Args:
        installed: versions by package name.
        requirements: as the metadata lists them (`torch<2.14,>=2.9; extra == "toolchain"`); by default compactor's own.
    """
    groups = by_extra(declared() if requirements is None else requirements)
    installed = {_normal(name): version for name, version in installed.items()}
    both = {"onnxruntime", "onnxruntime-gpu"} <= set(installed)
    for build in RUNTIMES:
        if build in installed:
            installed.setdefault("onnxruntime", installed[build])  # the same module, built for other hardware
    lines = []
    for extra in sorted(groups, key=lambda extra: (NEEDED.index(extra) if extra in NEEDED else len(NEEDED), extra)):
        if extra in SKIPPED:
            continue
        here = [name for name in groups[extra] if name in installed]
        if not here and extra:
            what = "bundles can be loaded, not made" if extra == "toolchain" else "optional"
            lines.append(Line("note", extra, f"not installed ({what})", APART.get(extra, f'pip install "compactor[{extra}]"')))
            continue
        lines += [_line(name, allowed, installed.get(name), extra) for name, allowed in groups[extra].items()]
    lines = list(dict.fromkeys(lines))  # two extras may want the same package
    if both:
        lines = [line for line in lines if line.about != "onnxruntime"]
        remedy = "pip uninstall -y onnxruntime onnxruntime-gpu && pip install onnxruntime-gpu"
        lines.append(
            Line(
                "error", "onnxruntime", "onnxruntime and onnxruntime-gpu are both installed: each overwrites the other", remedy
            )
        )
    return lines


def declared() -> list[str]:
    """Return compactor's requirements from its metadata; none when it runs from a folder without being installed."""
    from importlib.metadata import PackageNotFoundError, requires

    try:
        return requires("compactor") or []
    except PackageNotFoundError:
        return []


def by_extra(requirements: list[str]) -> dict[str, dict[str, str]]:
    """Return `{extra: {package: range}}`; the extra of plain dependencies is empty."""
    groups: dict[str, dict[str, str]] = defaultdict(dict)
    for requirement in requirements:
        match = REQUIREMENT.match(requirement.strip())
        if match:
            extra = EXTRA.search(match["marker"] or "")
            groups[extra[1] if extra else ""][_normal(match["name"])] = match["range"].strip()
    return groups


def in_range(version: str, allowed: str) -> bool:
    """Say whether a version satisfies `>=2,<3`; only the numbers of a release are compared."""
    have = _release(version)
    for part in filter(None, (part.strip() for part in allowed.split(","))):
        match = re.match(r"(>=|<=|==|!=|>|<)\s*(.+)", part)
        if match is None:
            continue
        want = _release(match[2])
        width = max(len(have), len(want))
        if not COMPARE[match[1]](_padded(have, width), _padded(want, width)):
            return False
    return True


def _line(name: str, allowed: str, version: str | None, extra: str) -> Line:
    install = f'pip install "compactor[{extra}]"' if extra else "pip install compactor"
    if version is None:
        return Line("error" if extra in NEEDED else "note", name, f"not installed, needs {allowed}", install)
    if not in_range(version, allowed):
        return Line("error", name, f"{version} is outside {allowed}", f'pip install "{name}{allowed}"')
    return Line("ok", name, f"{version} ({allowed})")


def _normal(name: str) -> str:
    """Spell a package's name as metadata may: `ruamel.yaml`, `ruamel_yaml` and `ruamel-yaml` are one."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _release(version: str) -> tuple[int, ...]:
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in match[0].split(".")) if match else (0,)


def _padded(release: tuple[int, ...], width: int) -> tuple[int, ...]:
    return release + (0,) * (width - len(release))
