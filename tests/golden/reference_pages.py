"""What do the generated parts of the reference say? Each is worked out from the code and put between two marks."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Callable, Mapping
from typing import Any

from audits.checks.contract import CONFIDENCE_SCHEMA, SLUG_FAMILIES
from tests.architecture.sources import ROOMS, ROOT
from tests.golden.error_codes import error_codes

DOCS = ROOT / "docs"
BLOCK = re.compile(r"<!-- generated: (?P<name>[a-z-]+) -->\n(?P<text>.*?)<!-- end: (?P=name) -->", re.DOTALL)
RULE = re.compile(r"^-{3,}$")
CONTINUED = re.compile(r"^\.\. math::.*(?:\n +\S.*)+", re.MULTILINE)
BROKEN_CODE = re.compile(r"(`[a-z_]+\.)\n *(?=[a-z_]+`)")


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def words(values: Any) -> str:
    """Return names as code, in a row."""
    return ", ".join(f"`{value}`" for value in values) or "-"


def checks() -> str:
    """Every registered check, one line each, with the page that defines it."""
    from audits.checks.contract import CHECKS

    rows = [
        (
            f"[`{one.slug}`](checks/{one.item.family}.md#{one.slug.replace('.', '')})",
            one.summary,
            one.item.unit,
            one.item.better,
            ", ".join(one.item.tasks),
        )
        for one in CHECKS
    ]
    return table(("check", "what it measures", "unit", "better", "models"), rows)


def checks_of(family: str) -> Callable[[], str]:
    """Return what writes the page of a family: each of its checks with its docstring."""

    def page() -> str:
        from audits.checks.contract import CHECKS

        return "\n".join(one_check(entry) for entry in CHECKS if entry.item.family == family)

    return page


def one_check(entry: Any) -> str:
    """A check's definition: what it needs and takes, formula, meaning, limits, when not to use it, sources."""
    spec = entry.item
    facts = [("needs", words(spec.needs)), ("unit", spec.unit), ("better", spec.better)]
    facts += [("models", ", ".join(spec.tasks)), ("module", f"`{entry.module}`")]
    facts += [("if not met", spec.mend)] if spec.mend else []
    given = inspect.signature(spec.function).parameters
    schemas = {**spec.parameters["properties"], "confidence": CONFIDENCE_SCHEMA}
    rows = [(f"`{name}`", default(given[name].default), may_be(schema)) for name, schema in schemas.items()]
    settings = table(("parameter", "default", "may be"), rows)
    definition = markdown(inspect.getdoc(spec.function) or "").replace("**Parameters**", f"{settings}\n**Parameters**")
    return f"## {entry.slug}\n\n{table(('', ''), facts)}\n{definition}\n"


def default(value: Any) -> str:
    """Return the default of a parameter as it would be written in a policy."""
    return "left out" if value in (None, "") else f"`{json.dumps(value)}`"


def may_be(schema: Mapping[str, Any]) -> str:
    """Return in words what a JSON Schema allows."""
    if "oneOf" in schema:
        return "; or ".join(map(may_be, schema["oneOf"]))
    if "enum" in schema:
        return words(json.dumps(value) for value in schema["enum"] if value != "")
    kind, pattern = schema["type"], schema.get("pattern")
    low, high = (schema.get(name) for name in ("minimum", "maximum"))
    above, below = (schema.get(name) for name in ("exclusiveMinimum", "exclusiveMaximum"))
    ends = [f"above {above:g}"] if above is not None else [f"from {low:,.10g}"] if low is not None else []
    ends += [f"below {below:g}"] if below is not None else [f"to {high:,.10g}"] if high is not None else []
    if kind == "array":
        count = f"{schema.get('minItems', 0)} to {schema['maxItems']}"
        return f"list of {count} texts{', each once' if schema.get('uniqueItems') else ''}"
    if kind == "object":
        return f"object of {schema['minProperties']} to {schema['maxProperties']} names, each with a text"
    if kind == "boolean":
        return "`true`, `false`"
    if kind == "string":
        return "text, as said below" if pattern else f"text of at most {schema['maxLength']} characters"
    return " ".join([{"integer": "whole number", "number": "number"}[kind], *ends])


def markdown(docstring: str) -> str:
    """Return a numpydoc docstring as Markdown: headings in bold, formulas between dollar signs, entries as a list."""
    text = re.sub(r":math:`([^`]*)`", r"$\1$", docstring).replace("``", "`")
    text = CONTINUED.sub(lambda found: " ".join(found[0].split()), text)
    text = BROKEN_CODE.sub(r"\1", text)
    out: list[str] = []
    lines = text.split("\n")
    listing = False
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if RULE.match(line):
            continue
        if RULE.match(following):
            listing = line in {"Parameters", "Returns"}
            out += [f"**{line}**", ""]
        elif line.startswith(".. math::"):
            out += ["$$", line.removeprefix(".. math::").strip(), "$$"]
        elif line.startswith("Not for: ") and out[-1]:
            out += ["", line]
        elif listing and line and not line.startswith(" "):
            out.append(f"- {line}")
        else:
            out.append(line.rstrip())
    return "\n".join(out).strip()


def controls() -> str:
    """Every registered control, in the order of the catalogue."""
    from governance.gate.control import CONTROLS

    rows = [
        (
            f"`{one.slug}`",
            one.item.title,
            (inspect.getdoc(one.item.judge) or "").split("\n\n")[0].replace("\n", " "),
            one.item.clause,
            "always" if one.item.always else "unless the policy leaves it out",
        )
        for one in CONTROLS
    ]
    return table(("control", "what holds when it passes", "how it is judged", "clause", "judged"), rows)


def codes() -> str:
    """Every stable error code."""
    rows = [
        (f"`{code}`", ", ".join(map(str, sorted(one.statuses))) or "-", one.sentence or "-", words(sorted(one.files)))
        for code, one in error_codes().items()
    ]
    return table(("code", "HTTP", "what it says", "raised in"), rows)


def routes() -> str:
    """Every address of the API with who may call it."""
    from django.urls import URLPattern, URLResolver, get_resolver

    rows: list[tuple[str, ...]] = []

    def walk(resolver: URLResolver, prefix: str) -> None:
        for pattern in resolver.url_patterns:
            here = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                walk(pattern, here)
            elif pattern.callback.__module__.startswith("governance.api"):
                rows.extend(_calls(here, pattern))

    def _calls(route: str, pattern: URLPattern) -> list[tuple[str, ...]]:
        path = "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", route)
        view: Any = getattr(pattern.callback, "cls", None)
        if view is None:
            return [("GET", f"`{path}`", "nobody is asked", "nobody is asked")]
        return [_call(path, view, name.upper()) for name in view.http_method_names if name in vars(view)]

    walk(get_resolver(), "")
    return table(("method", "path", "scope of a token", "roles of a person"), rows)


def _call(path: str, view: Any, method: str) -> tuple[str, str, str, str]:
    if method in view.public:
        return method, f"`{path}`", "nobody is asked", "nobody is asked"
    scope = view.scopes.get(method)
    roles = sorted(view.roles.get(method, ()))
    return method, f"`{path}`", f"`{scope}`" if scope else "no token", words(roles)


def stages() -> str:
    """Every legal move of a version."""
    from registry.lifecycle import LEGAL_MOVES, Stage

    rows = [(f"`{stage}`", words(new for new in Stage if new in LEGAL_MOVES[stage])) for stage in Stage]
    return table(("from", "may move to"), rows)


def ledger_actions() -> str:
    """Every action an event may name."""
    from registry.ledger.actions_known import known_actions

    for room in ROOMS:
        package = importlib.import_module(room)
        for found in pkgutil.walk_packages(package.__path__, prefix=f"{room}."):
            if ".actions" in found.name or ".ledger" in found.name:
                importlib.import_module(found.name)
    # Tests may declare actions of their own; those of the product begin with the word of a subject.
    rows = [(f"`{name}`", text) for name, text in known_actions().items() if not name.startswith("test")]
    return table(("action", "meaning"), rows)


def plug_ins() -> str:
    """Every plug-in that ships, by kind."""
    from governance.management.commands.catalogue import listing

    rows = [
        (kind, f"`{entry['slug']}`", entry["summary"], f"`{entry['module']}`")
        for kind, entries in listing().items()
        if kind in {"dossier-kind", "format", "portfolio-section", "section", "source"}
        for entry in entries
    ]
    return table(("kind", "slug", "summary", "module"), rows)


GENERATED: Mapping[str, Callable[[], str]] = {
    "checks": checks,
    **{f"checks-{family}": checks_of(family) for family in SLUG_FAMILIES},
    "controls": controls,
    "error-codes": codes,
    "ledger-actions": ledger_actions,
    "plug-ins": plug_ins,
    "routes": routes,
    "stages": stages,
}
