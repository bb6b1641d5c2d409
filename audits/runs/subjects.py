"""What may a check look at? The plan's tables with the stored answers, the explanation, and what running the model costs.

Of a table that stays in its engine there are two views: the whole, asked where it lies, and the sample that was scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from audits.checks.contract import CHECKS, NEEDS, CheckSpec, CheckSubject, Fitness
from audits.runs import steps
from audits.runs.drawn import FACT, Rows, recorded, rows_of_plan
from audits.runs.explaining import PART, explanation_of, read_explanation
from audits.runs.scoring import changed, roles_of
from audits.runs.tables import Answers, perturbed_table, stays, table_as_it_is, table_with_answers
from registry.errors import DomainError
from registry.storage import artifacts

if TYPE_CHECKING:
    from audits.explanations.contract import Explanation
    from audits.tables.contract import EvaluationTable

Facts = Mapping[str, Mapping[str, Any]]
"""What the steps that are done found out, by their names."""

GIVEN = frozenset({"features", "labels", "sensitive", "reference", "reference-labels"})
"""What a table says by itself, without any model's answer."""
OF_THE_SAMPLE = frozenset({"explanation", "previous-explanation", "perturbed"})


@contextmanager
def subjects_of(plan: Mapping[str, Any], facts: Facts) -> Iterator[Subjects]:
    """Yield what checks may look at; every table that was opened is closed at the end.

    Only the steps named in ``facts`` are read. Values were checked when the tables were scored.
    """
    with ExitStack() as stack:
        yield Subjects(plan, facts, stack)


class Subjects:
    """The subjects of a run; each table is opened when a check first asks for it."""

    def __init__(self, plan: Mapping[str, Any], facts: Facts, stack: ExitStack) -> None:
        self.plan, self.facts, self.stack = plan, facts, stack
        self.scored = facts[steps.SCORES]
        self._tables: dict[tuple[str, bool], EvaluationTable] = {}
        self._subjects: dict[tuple[bool, ...], CheckSubject] = {}

    @cached_property
    def staying(self) -> tuple[str, ...]:
        """The roles whose tables stay in their engine while a model is scored on a sample of them."""
        if self.plan["artifact"] is None:
            return ()
        return tuple(role for role in roles_of(self.plan) if stays(self.plan["datasets"][role]))

    def for_check(self, slug: str) -> tuple[CheckSubject, tuple[str, ...]]:
        """Return the subject a check is to see, and what is to be said of its rows.

        What is asked of the table itself, and of answers that it holds, is asked of the whole table in its engine. What
        needs an answer that only the sandbox gave is asked of the sample.
        """
        if not self.staying:
            return self._subject(frozenset()), ()
        spec = _spec(slug)
        if spec is not None and _of_the_table(spec):
            whole = frozenset(self.staying)
        else:
            whole = frozenset(role for role in self.staying if recorded(self.plan["datasets"][role]))
            if spec is not None and whole and not _holds(spec, self._subject(whole)):
                whole = frozenset()
        return self._subject(whole), self._said(spec, whole)

    def _subject(self, whole: frozenset[str]) -> CheckSubject:
        """Return the subject with the tables of the roles in ``whole`` as their engines hold them."""
        roles = roles_of(self.plan)
        key = tuple(role in whole for role in roles)
        if key not in self._subjects:
            tables = {role: self._table(role, role in whole) for role in roles}
            baseline = self.plan["baseline"] or {}
            previous = baseline.get("explanation_sha256") if self.explanation is not None else None
            fitness = self.scored.get("fitness") if self.plan["artifact"] is not None else None
            self._subjects[key] = CheckSubject(
                evaluation=tables["evaluation"],
                reference=tables.get("training"),
                explanation=self.explanation,
                perturbed=self.perturbed,
                seed=self.plan["seed"],
                previous_explanation=read_explanation(previous) if previous else None,
                fitness=_fitness(self.plan, fitness) if fitness else None,
                declared=self.plan["declared"],
                unscored={**self.facts.get(steps.PERTURBED, {}).get("notes", {}), **self._unexplained()},
            )
        return self._subjects[key]

    def _table(self, role: str, whole: bool) -> EvaluationTable:
        if (role, whole) not in self._tables:
            made = self._as_it_is(role) if whole or self.plan["artifact"] is None else self._with_answers(role)
            self.stack.callback(made.close)
            self._tables[role, whole] = made
        return self._tables[role, whole]

    def _as_it_is(self, role: str) -> EvaluationTable:
        required = () if self.plan["artifact"] is not None else None
        return table_as_it_is(self.plan, role, check_values=False, required=required)

    def _with_answers(self, role: str) -> EvaluationTable:
        rows = self.rows[role]
        baseline = _baseline(self.facts.get(steps.BASELINE, {})) if role == "evaluation" else None
        return table_with_answers(
            self.plan, role, rows.frame, self._answers(role), check_values=False, baseline=baseline, sample=rows.sample
        )

    def _answers(self, role: str) -> Answers:
        return _read(self.plan["task"], self.scored["classes"], self.scored["files"][role])

    @cached_property
    def rows(self) -> Mapping[str, Rows]:
        """The rows that were scored, the same as in the first step."""
        return rows_of_plan(self.plan, roles_of(self.plan), scored=self.scored)

    def _unexplained(self) -> dict[str, str]:
        """Return under "explanation" why there is none: what the first chunk says that lacks one."""
        chunks = [found for key, found in self.facts.items() if key.startswith("explain:")]
        said = [why for found in chunks for why in found.get("notes", {}).values()]
        return {"explanation": str(said[0])[:300]} if said and self.explanation is None else {}

    @cached_property
    def explanation(self) -> Explanation | None:
        """The explanation of the whole sample; None where a chunk is missing, since it would be one of other rows."""
        chunks = [found for key, found in self.facts.items() if key.startswith("explain:")]
        parts = [found["files"][PART] for found in chunks if found.get("files")]
        return explanation_of(parts) if parts and len(parts) == len(chunks) else None

    @cached_property
    def perturbed(self) -> Mapping[str, EvaluationTable]:
        """The changed rows with what the model said of them, and of the unchanged row."""
        changes = self.facts.get(steps.PERTURBED, {})
        found = {}
        for key, name in changes.get("perturbed", {}).items():
            from audits.runs.perturbations import with_given

            frames = {role: rows.frame for role, rows in self.rows.items()}
            frame = with_given(changed(self.plan, key, frames), self._answers("evaluation").said())
            said = _read(self.plan["task"], self.scored["classes"], changes["files"][name])
            found[key] = perturbed_table(self.plan, frame, said)
            self.stack.callback(found[key].close)
        return found

    def _said(self, spec: CheckSpec | None, whole: frozenset[str]) -> tuple[str, ...]:
        """Say for each table that stays whether the check saw all of its rows or a sample, n of N."""
        needs = spec.needs if spec is not None else ()
        if needs == ("fitness",):
            return ()
        sampled = bool(OF_THE_SAMPLE.intersection(needs))
        said = []
        for role in self.staying:
            if role == "training" and not any(need.startswith("reference") for need in needs):
                continue
            table = self.scored[FACT[role]]
            words = "Evaluation" if role == "evaluation" else "Training"
            if role in whole and not sampled:
                said.append(f"{words} table: all {table['rows']} rows, in the engine that holds them.")
            else:
                n, of = table["sample"]["rows"], table["sample"]["of"]
                said.append(f"{words} table: a sample of {n} of {of} rows, drawn in the engine and scored.")
        return tuple(said)


def _spec(slug: str) -> CheckSpec | None:
    try:
        return CHECKS.get(slug)
    except DomainError:
        return None


def _of_the_table(spec: CheckSpec) -> bool:
    """Tell whether a check asks about the table alone: its features, or how its outcomes are distributed."""
    needs = frozenset(spec.needs)
    return needs <= GIVEN and ("features" in needs or (spec.family in ("data", "drift") and "labels" in needs))


def _holds(spec: CheckSpec, subject: CheckSubject) -> bool:
    return all(NEEDS[need][0](subject) for need in spec.needs)


def _fitness(plan: Mapping[str, Any], found: Mapping[str, Any]) -> Fitness:
    return Fitness(
        **(
            dict(found)
            | {
                "latency_seconds": tuple(found["latency_seconds"]),
                "limits": plan["limits"],
                "environment": plan["environment"],
            }
        )
    )


def _baseline(found: Mapping[str, Any]) -> Any:
    if not found.get("files"):
        return None
    described = found["baseline"]
    return _read(described["task"], described["classes"], found["files"]["rows"]).said()


def _read(task: str, classes: list[str], sha256: str) -> Answers:
    """Read stored answers, re-hashed; nothing but numbers is read from them."""
    import numpy as np

    with artifacts().open_checked(sha256) as stream:
        return Answers(task, np.lib.format.read_array(stream, allow_pickle=False), tuple(classes))
