"""Which stable codes can a refusal carry? Read from the source: every code, its HTTP status, its sentence, its files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.architecture.sources import ROOMS, python_files, tree

CODE = re.compile(r"\A[a-z0-9]+(?:-[a-z0-9]+)+\Z")
STATUS = {"invalid": 422, "conflict": 409, "not-found": 404, "forbidden": 403, "too-large": 413, "unavailable": 503}
WRITTEN_AT = {"DomainError": 0, "SandboxError": 0, "LedgerFault": 0, "_unknown": 0, "_refusal": 0, "Fault": 0}
WRITTEN_SECOND = {"Refusal": 1, "_number": 1, "AuthenticationFailed": 1, "RefusedEntry": 1}
NOT_A_CODE = frozenset({"gate-decisions"})
COMPOSED = {
    "f'unknown-{self.kind}'": (
        "unknown-check",
        "unknown-control",
        "unknown-format",
        "unknown-section",
        "unknown-source",
    ),
    "f'unknown-{field}'": ("unknown-kind", "unknown-origin"),
    "f'{role}-not-a-number'": (
        "baseline-not-a-number",
        "class-scores-not-a-number",
        "prediction-not-a-number",
        "score-not-a-number",
        "weight-not-a-number",
    ),
    "f'policy-unknown-{kind}'": ("policy-unknown-check", "policy-unknown-control"),
}
"""Codes that are put together when they are raised, by the expression that does it."""


SPELLED_OUT: dict[str, tuple[int, str]] = {
    "account-inactive": (403, "You may not decide on this: …."),
    "label-not-a-number": (422, "The target column holds something else than 0 and 1."),
    "method-not-allowed": (405, "This address does not take that method."),
    "not-authenticated": (401, "Nobody is signed in: send a token, or sign in."),
    "policy-unknown-key": (422, "The policy is not valid at …: …"),
    "self-approval": (403, "You may not decide on this: …."),
    "token-required": (403, "This is not done in a session."),
    "unknown-check": (422, "There is no check …. Registered: …."),
    "unknown-control": (422, "There is no control …. Registered: …."),
    "unknown-section": (422, "There is no section …. Registered: …."),
    "label-missing": (422, "Column … (target) has no number in … of … rows."),
    "label-not-finite": (422, "Column … (target) must be a finite number; it is not in … of … rows."),
    "prediction-not-finite": (422, "Column … (prediction) must be a finite number; it is not in … of … rows."),
    "baseline-not-a-number": (422, "Column … plays the role baseline but holds …, not numbers."),
    "class-scores-not-a-number": (422, "Column … plays the role class-scores but holds …, not numbers."),
    "label-outside-0-1": (422, "Column … (target) must be 0 or 1; it does not in … of … rows."),
    "prediction-missing": (422, "Column … (prediction) has no number in … of … rows."),
    "prediction-not-a-number": (422, "Column … plays the role prediction but holds …, not numbers."),
    "prediction-outside-0-1": (422, "Column … (prediction) must be 0 or 1; it does not in … of … rows."),
    "score-not-a-number": (422, "Column … (score) has no number in … of … rows, or holds no numbers at all."),
    "score-outside-0-1": (422, "Column … (score) must lie between 0 and 1; it does not in … of … rows."),
    "weak-password": (422, "What Django's password validators say."),
    "weight-not-a-number": (422, "Column … plays the role weight but holds …, not numbers."),
    "weight-not-positive": (422, "Column … (weight) must be above 0 and at most 10^12; it does not in … of … rows."),
    "unknown-source": (422, "There is no source …. Registered: …."),
}
"""Codes whose status or sentence is chosen by a table or a variable that reading the call does not show."""


@dataclass
class Found:
    """What is known of one code."""

    statuses: set[int] = field(default_factory=set)
    sentence: str = ""
    files: set[str] = field(default_factory=set)


def error_codes() -> dict[str, Found]:
    """Return every code of the three rooms, sorted."""
    found: dict[str, Found] = {}
    for path in python_files():
        if path.parts[0] not in ROOMS:
            continue
        in_sandbox = path.parts[:2] == ("audits", "sandbox")
        for code, status, sentence in _codes_in(tree(path), in_sandbox=in_sandbox):
            one = found.setdefault(code, Found())
            one.files.add(str(path))
            one.sentence = one.sentence or sentence
            if status:
                one.statuses.add(status)
    for code, (status, sentence) in SPELLED_OUT.items():
        found[code].statuses.add(status)
        found[code].sentence = found[code].sentence or sentence
    return dict(sorted(found.items()))


def composed_expressions() -> dict[str, Path]:
    """Return every f-string that is raised as a code, with its file."""
    found = {}
    for path in python_files():
        if path.parts[0] in ROOMS:
            for node in ast.walk(tree(path)):
                if isinstance(node, ast.Call) and _name(node) in {"DomainError", "LedgerFault"} and node.args:
                    if isinstance(node.args[0], ast.JoinedStr):
                        found[ast.unparse(node.args[0])] = path
                elif isinstance(node, ast.Assign) and _is_code(node):
                    parts = [part for part in ast.walk(node.value) if isinstance(part, ast.JoinedStr)]
                    found |= {ast.unparse(part): path for part in parts}
    return found


def _codes_in(module: ast.Module, *, in_sandbox: bool) -> Iterator[tuple[str, int, str]]:
    texts = _messages(module)
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            yield from _of_call(node, texts, in_sandbox=in_sandbox)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and _is_table(node) and isinstance(node.value, ast.Dict):
            for name, value in zip(node.value.keys, node.value.values, strict=True):
                if (code := _code(name)) and isinstance(value, ast.Constant):
                    yield code, 422, str(value.value)
                elif code := _code(value):
                    yield code, 0, ""
                elif isinstance(value, ast.Tuple):
                    yield from ((code, 422, "") for part in value.elts if (code := _code(part)))
        elif isinstance(node, ast.Assign) and _is_code(node):
            for part in ast.walk(node.value):
                if code := _code(part):
                    yield code, 0, ""
                for code in COMPOSED.get(ast.unparse(part), ()) if isinstance(part, ast.JoinedStr) else ():
                    yield code, 422, ""


def _of_call(node: ast.Call, texts: list[tuple[int, ast.expr]], *, in_sandbox: bool) -> Iterator[tuple[str, int, str]]:
    name = _name(node)
    if name == "Rule":
        yield from ((code, 422, "") for part in node.args[1:3] if (code := _code(part)))
        return
    places = {**WRITTEN_AT, **WRITTEN_SECOND} | ({"Refusal": 0} if in_sandbox else {})
    if name not in places or len(node.args) <= places[name]:
        return
    at = places[name]
    first = node.args[at]
    if isinstance(first, ast.JoinedStr):
        for code in COMPOSED.get(ast.unparse(first), ()):
            yield code, _status(node), _sentence(node, at + 1, texts)
    for part in [first.args[1]] if isinstance(first, ast.Call) and len(first.args) == 2 else [first]:
        if code := _code(part):
            yield code, _status(node), _sentence(node, at + 1, texts)


def _name(node: ast.Call) -> str:
    return ast.unparse(node.func).rpartition(".")[2]


def _is_code(node: ast.Assign) -> bool:
    return any(isinstance(target, ast.Name) and target.id == "code" for target in node.targets)


def _is_table(node: ast.Assign | ast.AnnAssign) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(
        isinstance(target, ast.Name) and target.id in {"CODES", "NOT_NUMBERS", "REFUSED", "codes", "known"}
        for target in targets
    )


def _code(node: ast.AST | None) -> str:
    fits = isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.match(node.value)
    return str(node.value) if fits and isinstance(node, ast.Constant) and node.value not in NOT_A_CODE else ""


def _status(node: ast.Call) -> int:
    first = node.args[0]
    if _name(node) == "AuthenticationFailed":
        return 401
    if isinstance(first, ast.Constant) and isinstance(first.value, int):
        return first.value
    kind = next((word.value for word in node.keywords if word.arg == "kind"), None)
    if isinstance(kind, ast.Constant):
        return STATUS[str(kind.value)]
    by_name = {"_unknown": 404, "LedgerFault": 503, "_refusal": 422, "Fault": 422, "RefusedEntry": 0}
    return by_name.get(_name(node), 422)


def _messages(module: ast.Module) -> list[tuple[int, ast.expr]]:
    """Return every value given to a variable called ``message`` or ``text``, by line."""
    return [
        (node.lineno, node.value)
        for node in ast.walk(module)
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id in {"message", "text"} for target in node.targets)
    ]


def _sentence(node: ast.Call, at: int, texts: list[tuple[int, ast.expr]]) -> str:
    """Return the sentence for people with an ellipsis in the place of what is filled in."""
    if _name(node) == "AuthenticationFailed":
        at = 0
    if _name(node) == "_refusal":
        return "Observed …; required …."
    if len(node.args) <= at:
        return ""
    text: ast.AST = node.args[at]
    if isinstance(text, ast.Name) and text.id in {"message", "text"}:
        earlier = [value for line, value in sorted(texts, key=lambda one: one[0]) if line <= node.lineno]
        text = earlier[-1] if earlier else text
    while isinstance(text, ast.BinOp):
        text = text.left
    if isinstance(text, ast.Call) and len(text.args) == 1:
        text = text.args[0]
    if isinstance(text, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "…" for part in text.values)
    if isinstance(text, ast.Constant) and isinstance(text.value, str):
        return re.sub(r"%\(\w+\)s|%s", "…", text.value)
    return ""
