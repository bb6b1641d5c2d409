"""Can a validator rely on what the definition of each check says: formula, parameters, limits, sources?"""

from __future__ import annotations

import importlib
import inspect
import re
from collections import Counter

import pytest

from audits.checks.contract import CHECKS, CheckSpec

SPECS = [pytest.param(entry.item, id=entry.slug) for entry in CHECKS]
SECTION = re.compile(r"^(Parameters|Returns|Notes|References)\n-+\n", re.MULTILINE)
SOURCE = re.compile(r"\b(1[89]|20)\d\d\b|arXiv:|doi:|`(sklearn|scipy|fairlearn)\.|getrusage")
FORMULA_ALONE = "None; the definition is the formula."
LIBRARY_NAME = re.compile(r"``((?:sklearn|scipy|fairlearn)(?:\.\w+)+)")


def sections(spec: CheckSpec) -> dict[str, str]:
    """Return the parts of a docstring by heading; the definition before them is under the empty one."""
    parts = SECTION.split(inspect.getdoc(spec.function) or "")
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


@pytest.mark.parametrize("spec", SPECS)
class TestEveryDefinition:
    def test_its_formula_is_one_block_that_a_renderer_can_read(self, spec: CheckSpec) -> None:
        (formula,) = re.findall(r"^\.\. math::(.*(?:\n +\S.*)*)", sections(spec)[""], re.MULTILINE)
        plain = re.sub(r"\\[{}]", "", formula)
        assert plain.strip()
        depths = [plain[:at].count("{") - plain[:at].count("}") for at in range(len(plain) + 1)]
        assert min(depths) == 0
        assert depths[-1] == 0
        assert formula.count(r"\left") == formula.count(r"\right")

    def test_it_says_what_each_parameter_is(self, spec: CheckSpec) -> None:
        text = sections(spec)["Parameters"]
        entries = re.findall(r"^([a-z_0-9, ]+) :", text, re.MULTILINE)
        explained = {name.strip() for entry in entries for name in entry.split(",")}
        assert explained == {"subject", "confidence", *spec.parameters["properties"]}

    def test_it_returns_a_number_of_something(self, spec: CheckSpec) -> None:
        text = sections(spec)["Returns"]
        assert re.search(r"``n``|The p-value over|As (for )?``", text)

    def test_it_names_a_source_or_says_that_the_formula_is_all(self, spec: CheckSpec) -> None:
        text = sections(spec)["References"]
        assert text.startswith((FORMULA_ALONE, "As for ``")) or SOURCE.search(text)

    def test_each_library_function_it_names_exists(self, spec: CheckSpec) -> None:
        for name in LIBRARY_NAME.findall(inspect.getdoc(spec.function) or ""):
            module, _, function = name.rpartition(".")
            assert callable(getattr(importlib.import_module(module), function)), name

    def test_each_check_it_sends_the_reader_to_exists(self, spec: CheckSpec) -> None:
        text = re.sub(r"\n\s*", "", inspect.getdoc(spec.function) or "")
        for name in re.findall(rf"``({spec.family}\.\w+|(?:{'|'.join(FAMILIES)})\.[a-z0-9_]+)``", text):
            assert name in CHECKS or name in SUBJECT_FIELDS, name


FAMILIES = sorted({entry.item.family for entry in CHECKS})
SUBJECT_FIELDS = {"detail.levels"}


def test_limits_and_misuses_are_said_of_the_check_and_not_of_its_family() -> None:
    """A rate's difference and its ratio, and a test's two forms, may share a sentence; more than two checks may not."""
    for what in ("Limits: ", "Not for: "):
        said = Counter(sections(entry.item)["Notes"].partition(what)[2].partition("\n\n")[0] for entry in CHECKS)
        assert [text for text, times in said.items() if times > 2] == []
        assert min(map(len, said)) > 20
