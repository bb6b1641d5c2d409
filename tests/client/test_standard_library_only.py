"""Does the client really need nothing but Python?"""

from __future__ import annotations

import ast
import subprocess
import sys

from tests.client.conftest import CLIENT

MODULES = sorted((CLIENT / "cadastre").glob("*.py"))


def test_every_import_is_of_the_standard_library_or_of_the_client_itself() -> None:
    assert len(MODULES) > 10
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                top = name.split(".")[0]
                assert top in sys.stdlib_module_names or top == "cadastre", f"{path.name} imports {name}"


def test_every_module_parses_as_python_3_9() -> None:
    for path in MODULES:
        ast.parse(path.read_text(), feature_version=(3, 9))


def test_it_runs_without_any_installed_package() -> None:
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path.insert(0, {str(CLIENT)!r}); import cadastre.command",
    ]
    subprocess.run(command, check=True, timeout=60)
