"""How is a pickle written by hand? By opcodes, so that a test can build one without having what it names."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Global:
    """A name to be imported when the pickle is loaded."""

    module: str
    name: str


@dataclass(frozen=True)
class Call:
    """A call to be made when the pickle is loaded; ``how`` is the opcode that makes it."""

    function: Any
    arguments: tuple[Any, ...]
    how: str = "REDUCE"


@dataclass(frozen=True)
class Built:
    """An object whose state is set when the pickle is loaded."""

    made: Any
    state: Any


@dataclass(frozen=True)
class Raw:
    """Opcodes as they are."""

    code: bytes


def call(name: str, *arguments: Any, how: str = "REDUCE") -> Call:
    """Return a call of ``module.function``."""
    return Call(named(name), arguments, how)


def named(name: str) -> Global:
    """Return the global ``module.name``."""
    return Global(*name.rsplit(".", 1))


def method(thing: Any, name: str, *arguments: Any) -> Call:
    """Return a call of a method of what ``thing`` yields."""
    return Call(call("builtins.getattr", thing, name), arguments)


def written(value: Any, protocol: int) -> bytes:
    """Return ``value`` as a whole pickle of ``protocol``."""
    body = _code(value, protocol) + b"."
    head = b"" if protocol < 2 else b"\x80" + bytes([protocol])
    framed = b"\x95" + struct.pack("<Q", len(body)) if protocol >= 4 else b""
    return head + framed + body


def _code(value: Any, protocol: int) -> bytes:
    if isinstance(value, Raw):
        return value.code
    if isinstance(value, Global):
        if protocol >= 4:
            return _text(value.module, protocol) + _text(value.name, protocol) + b"\x93"
        return f"c{value.module}\n{value.name}\n".encode()
    if isinstance(value, Built):
        return _code(value.made, protocol) + _code(value.state, protocol) + b"b"
    if isinstance(value, Call):
        return _called(value, protocol)
    if isinstance(value, str):
        return _text(value, protocol)
    return _plain(value, protocol)


def _called(value: Call, protocol: int) -> bytes:
    function = value.function
    arguments = b"".join(_code(part, protocol) for part in value.arguments)
    if value.how == "INST":
        return b"(" + arguments + f"i{function.module}\n{function.name}\n".encode()
    if value.how == "OBJ":
        return b"(" + _code(function, protocol) + arguments + b"o"
    last = {"REDUCE": b"R", "NEWOBJ": b"\x81"}[value.how]
    return _code(function, protocol) + b"(" + arguments + b"t" + last


def _text(value: str, protocol: int) -> bytes:
    data = value.encode("utf-8")
    if protocol >= 4 and len(data) < 256:
        return b"\x8c" + bytes([len(data)]) + data
    if protocol == 0:
        return b"V" + value.encode("raw-unicode-escape").replace(b"\n", b"\\u000a") + b"\n"
    return b"X" + struct.pack("<I", len(data)) + data


def _plain(value: Any, protocol: int) -> bytes:
    if value is None:
        return b"N"
    if isinstance(value, bool):
        return b"I01\n" if value else b"I00\n"
    if isinstance(value, int | float):
        return f"{'I' if isinstance(value, int) else 'F'}{value}\n".encode()
    if isinstance(value, bytes):
        if protocol >= 3:
            return b"B" + struct.pack("<I", len(value)) + value
        return _code(call("_codecs.encode", value.decode("latin-1"), "latin-1"), protocol)
    if isinstance(value, tuple):
        return b"(" + b"".join(_code(part, protocol) for part in value) + b"t"
    if isinstance(value, list):
        return b"(" + b"".join(_code(part, protocol) for part in value) + b"l"
    if isinstance(value, dict):
        pairs = b"".join(_code(part, protocol) for pair in value.items() for part in pair)
        return b"(" + pairs + b"d"
    raise TypeError(f"no opcode for {type(value).__name__}")
