"""Which content do the dossier tests render? One of every block and every chart, small and fixed."""

from __future__ import annotations

import dataclasses

from audits.checks.contract import Plot, PlotColumn
from audits.dossier.content import (
    Column,
    Document,
    Figure,
    Frame,
    KeyValue,
    KeyValues,
    Notice,
    Paragraph,
    Section,
    Subheading,
    Table,
    Verdict,
)

AS_OF = "2026-11-21T09:00:00+00:00"

NUMBERS = tuple(PlotColumn(name) for name in ("x", "y", "low", "high"))
NAMED = (PlotColumn("name", "text"), *NUMBERS[1:])


def chart(plot: Plot, **more: object) -> dict[str, object]:
    """Return the chart of a plot as a figure of a dossier holds it."""
    return {"kind": plot.kind, "plot": plot.as_json(), "words": {c.name: c.name for c in plot.columns}, **more}


PLOTS = (
    Plot(
        "line",
        "Curve",
        NUMBERS,
        ((0, 0, 0, 0.1), (0.2, 0.6, 0.5, 0.7), (1, 1, 0.9, 1)),
        x="x",
        y="y",
        low="low",
        high="high",
    ),
    Plot("points", "Points", NUMBERS, ((0.1, 0.12, 0.05, 0.2), (0.9, None, None, None)), x="x", y="y", diagonal=True),
    Plot(
        "intervals",
        "Groups",
        NAMED,
        (("A", 0.9, 0.8, 1.0), ("B", None, None, None)),
        label="name",
        value="y",
        low="low",
        high="high",
    ),
    Plot("bars", "Bars", NAMED, (("income", 0.2, 0.1, 0.3), ("age", None, None, None)), label="name", value="y"),
    Plot(
        "shares",
        "Shares",
        NAMED,
        (("(0, 1]", 0.2, 0.1, 0.3), ("(1, 2]", None, 0.2, 0.1)),
        label="name",
        values=("y", "low"),
    ),
    Plot(
        "grid",
        "Grid",
        (PlotColumn("name", "text"), PlotColumn("other", "text"), PlotColumn("n", "count")),
        (("a", "a", 5), ("a", "b", 1), ("b", "a", 0), ("b", "b", None)),
        label="name",
        series="other",
        value="n",
    ),
)

CHARTS: tuple[dict[str, object], ...] = (
    *(chart(plot) for plot in PLOTS),
    chart(PLOTS[2], limit=0.8, limit_text="limit ≥ 0.8", op=">="),
    {
        "kind": "lineage",
        "nodes": [{"id": "a", "kind": "dataset", "title": "loans"}, {"id": "b", "kind": "version", "title": "v2"}],
        "edges": [{"source": "a", "target": "b", "text": "was training data of"}],
    },
    {"kind": "timeline", "events": [{"at": AS_OF, "title": "registered"}, {"at": AS_OF, "title": "approved"}]},
)


def charts_of(text: str) -> tuple[dict[str, object], ...]:
    """Return every kind of chart with ``text`` as its labels, its series, its headings and its title."""

    def named(plot: Plot) -> Plot:
        words = {"A": text, "income": text, "(0, 1]": text, "a": text}
        rows = tuple(tuple(words.get(cell, cell) if isinstance(cell, str) else cell for cell in r) for r in plot.rows)
        return dataclasses.replace(plot, title=text, rows=rows)

    def written(plot: Plot, **more: object) -> dict[str, object]:
        return chart(named(plot), **more) | {"words": {column.name: text for column in plot.columns}}

    return (
        *(written(plot) for plot in PLOTS),
        written(PLOTS[2], limit=0.8, limit_text=text, op=">="),
        {
            "kind": "lineage",
            "nodes": [{"id": "a", "kind": "dataset", "title": text}, {"id": "b", "kind": "version", "title": text}],
            "edges": [{"source": "a", "target": "b", "text": text}],
        },
        {"kind": "timeline", "events": [{"at": AS_OF, "title": text}, {"at": AS_OF, "title": text}]},
    )


def table(text: str = "cell") -> Table:
    """Return a table of one row."""
    return Table((Column("What"), Column("Value", "right")), ((text, "0.5"),), "A table", ("ev-1",), "A note")


def document(text: str = "Consumer credit", **changes: object) -> Document:
    """Return a document that shows ``text`` in every place that outside text can reach."""
    values: dict[str, object] = {
        "title": text,
        "subtitle": f"Version {text}",
        "as_of": AS_OF,
        "checkpoint_size": 1204,
        "frame": Frame(left=text, footer=text),
        "sections": (
            Section(
                "cover",
                0,
                "Model dossier",
                (KeyValues((KeyValue(text, text), KeyValue("Digest", "a" * 64, "digest"))),),
            ),
            Section("verdict", 1, "Verdict", (Verdict(text, "deny", text, (KeyValue(text, text),), (text,)),)),
            Section("missing", 2, "What is missing", (Notice(text, "missing", text),)),
            Section(
                "body",
                4,
                text,
                (Subheading(text), Paragraph(text), Paragraph(text, "quote"), table(text)),
            ),
            Section("figures", 11, "Figures", tuple(Figure(text, chart, table(text)) for chart in CHARTS)),
        ),
    }
    return Document(**(values | changes))  # type: ignore[arg-type]  # the keys are the fields
