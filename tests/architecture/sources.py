"""Which files make up the project? Lists what is committed, or would be, for the tests beside this one."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("registry", "audits", "governance")
BINARY = {".png", ".jpg", ".woff2", ".ico", ".mo", ".pdf", ".parquet", ".onnx", ".gz", ".zip"}


@cache
def committed() -> tuple[Path, ...]:
    """Return every file git knows or would add, relative to the root."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return tuple(sorted(Path(name) for name in set(listing.split("\0")) - {""} if (ROOT / name).is_file()))


@cache
def texts() -> dict[Path, str]:
    """Return the text of every committed file that is text."""
    return {
        path: (ROOT / path).read_text(encoding="utf-8") for path in committed() if path.suffix.lower() not in BINARY
    }


@cache
def python_files() -> tuple[Path, ...]:
    """Return the Python files, migrations left out: Django writes those."""
    return tuple(path for path in committed() if path.suffix == ".py" and "migrations" not in path.parts[:-1])


@cache
def tree(path: Path) -> ast.Module:
    """Return the syntax tree of a Python file."""
    return ast.parse(texts()[path], filename=str(path))


def module_name(path: Path) -> str:
    """Return the dotted name of a Python file."""
    parts = list(path.with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(node: ast.AST) -> set[str]:
    """Return the dotted names that ``node`` and everything in it import; relative imports do not occur here."""
    found: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Import):
            found.update(alias.name for alias in part.names)
        elif isinstance(part, ast.ImportFrom) and part.module:
            found.add(part.module)
            found.update(f"{part.module}.{alias.name}" for alias in part.names)
    return found


def top_level_imports_of(path: Path) -> set[str]:
    """Return what importing the file imports at once; what its functions or only a type checker import is left out."""
    found: set[str] = set()
    waiting: list[ast.stmt] = list(tree(path).body)
    while waiting:
        statement = waiting.pop()
        if isinstance(statement, ast.Import | ast.ImportFrom):
            found |= imports_of(statement)
        elif isinstance(statement, ast.If) and "TYPE_CHECKING" not in ast.unparse(statement.test):
            waiting += [*statement.body, *statement.orelse]
        elif isinstance(statement, ast.Try):
            waiting += [*statement.body, *statement.orelse, *statement.finalbody]
            waiting += [line for handler in statement.handlers for line in handler.body]
        elif isinstance(statement, ast.ClassDef | ast.With):
            waiting += statement.body
    return found


def names_package(imported: str, package: str) -> bool:
    """Return True when the dotted name ``imported`` is ``package`` or lies inside it."""
    return imported == package or imported.startswith(f"{package}.")
