"""Which content do the dossier tests render? One of every block and every chart, small and fixed."""

from __future__ import annotations

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

CHARTS: tuple[dict[str, object], ...] = (
    {
        "kind": "roc",
        "curves": [
            {
                "name": "Version 2",
                "points": [[0, 0], [0.2, 0.6], [1, 1]],
                "auc": 0.7,
                "low": 0.65,
                "high": 0.75,
                "n": 40,
            }
        ],
    },
    {
        "kind": "reliability",
        "bins": [{"score": 0.1, "rate": 0.12, "low": 0.05, "high": 0.2, "n": 20}, {"score": 0.9, "rate": None, "n": 0}],
        "numbers": ["ECE 0.021"],
    },
    {
        "kind": "groups",
        "limit": 0.8,
        "rows": [
            {"label": "A", "attribute": "sex", "value": 0.9, "low": 0.8, "high": 1.0, "n": 80, "status": "met"},
            {"label": "B", "attribute": "sex", "value": None, "n": 2, "status": "insufficient", "note": "too few"},
        ],
    },
    {"kind": "bars", "limit": 0.1, "rows": [{"label": "income", "value": 0.2, "error": 0.01}, {"label": "age"}]},
    {
        "kind": "lineage",
        "nodes": [{"id": "a", "kind": "dataset", "title": "loans"}, {"id": "b", "kind": "version", "title": "v2"}],
        "edges": [{"source": "a", "target": "b", "text": "was training data of"}],
    },
    {"kind": "timeline", "events": [{"at": AS_OF, "title": "registered"}, {"at": AS_OF, "title": "approved"}]},
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
