"""What must a confined child be able to read to run Python at all, and what does its environment hold?"""

from __future__ import annotations

import os
import sys
import sysconfig
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
SOURCES = ("audits", "registry")
_SYSTEM_LIBRARIES = (
    "/usr/lib",
    "/usr/lib64",
    "/usr/lib32",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/usr/share/zoneinfo",
)
_SHARED_PREFIXES = (Path("/"), Path("/usr"), Path("/usr/local"))

ENVIRONMENT: dict[str, str] = {
    "HOME": "/",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONNOUSERSITE": "1",
    "PYTHONSAFEPATH": "1",
    "PYTHONUTF8": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "LOKY_MAX_CPU_COUNT": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
}
"""Everything the child's environment holds: constants, so that nothing of the parent's gets in."""

_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from audits.sandbox.child import main; main(sys.argv[2])"


@cache
def readable() -> tuple[Path, ...]:
    """Return the folders and files a child may read: the interpreter, its libraries, our two source folders."""
    wanted = [Path(name) for name in _SYSTEM_LIBRARIES] + [PROJECT / name for name in SOURCES]
    for prefix in (Path(sys.prefix), Path(sys.base_prefix)):
        if prefix in _SHARED_PREFIXES:
            names = ("stdlib", "platstdlib", "purelib", "platlib")
            wanted += [Path(sysconfig.get_path(name)) for name in names]
            wanted += [Path(str(sysconfig.get_config_var("LIBDIR") or "/usr/lib"))]
        else:
            wanted += [prefix, prefix.resolve()]
    wanted += _links_of(Path(sys.executable))
    kept: list[Path] = []
    for path in sorted({path for path in wanted if path.exists()}, key=lambda path: len(path.parts)):
        if not any(path.is_relative_to(above) for above in kept):
            kept.append(path)
    return tuple(kept)


def _links_of(path: Path) -> list[Path]:
    """Return ``path`` and each link on the way to the file it names."""
    seen = [path]
    while path.is_symlink() and len(seen) < 40:
        path = Path(os.path.normpath(path.parent / path.readlink()))
        seen.append(path)
    return seen


def command(order: Path) -> tuple[str, ...]:
    """Return the argv that runs the child on the order in the file ``order``."""
    return (sys.executable, "-s", "-P", "-B", "-c", _BOOT, str(PROJECT), str(order))
