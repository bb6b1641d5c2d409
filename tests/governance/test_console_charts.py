"""Are the drawings well-formed, inert, described, and true to their numbers?"""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from audits.checks.measurement import NEEDED_ROLES, Plot, PlotColumn
from audits.dossier.charts import KINDS
from governance.console import charts
from governance.console.charts import graph, rows, svg
from governance.console.wording import visible
from tests.governance.console_sample import BIDI, HOSTILE, SCRIPT, measurement_for, named

CHECKS = (
    "performance.roc_auc",
    "calibration.expected_calibration_error",
    "fairness.selection_rate_ratio",
    "fairness.equalized_odds_difference",
    "explainability.shap_importance",
    "drift.psi_score",
    "drift.psi_features",
    "robustness.missing_values",
)
LIMIT = {"op": ">=", "limit": 0.8}
SVG = "{http://www.w3.org/2000/svg}"


def figures(check: str, **changes: Any) -> list[charts.Figure]:
    return charts.figures_of(measurement_for(check, **changes).as_json(), LIMIT)


def parsed(drawing: str) -> ElementTree.Element:
    return ElementTree.fromstring(drawing)  # noqa: S314  (what our own code has just drawn)


@pytest.mark.parametrize("check", CHECKS)
def test_every_drawing_is_well_formed_described_and_without_style(check: str) -> None:
    found = figures(check)
    assert found
    for figure in found:
        assert figure.drawings
        assert figure.table.rows
        assert {len(cells) for cells in figure.table.rows} == {len(figure.table.columns)}
        for drawing in figure.drawings:
            root = parsed(drawing)
            assert root.get("role") == "img"
            assert root.findtext("title")
            assert root.findtext("desc")
            for part in root.iter():
                assert not {"style", "onload", "onclick", "href"} & set(part.keys())
                assert part.tag.removeprefix(SVG) not in {"script", "style", "image", "foreignObject", "a"}


def test_names_from_data_are_text_in_the_drawing_and_nothing_in_them_is_hidden() -> None:
    drawing = figures("fairness.selection_rate_ratio", group=f"{SCRIPT}{BIDI}")[0].drawings[0]
    assert "<script>" not in drawing
    assert BIDI not in drawing
    assert SCRIPT in "".join(parsed(drawing).itertext())
    assert "⟨U+202E⟩" in drawing


def squeezed(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("hostile", HOSTILE)
def test_every_kind_of_drawing_shows_hostile_labels_literally(hostile: str) -> None:
    """Names of features, classes, groups and bins come from a customer's table, in each of these places."""
    kinds = set()
    for check in CHECKS:
        for plot in measurement_for(check).plots:
            crowd = [hostile, *(f"{hostile} {at}" for at in range(8))]
            measured = {"plots": [named(plot, crowd).as_json()]}
            (figure,) = charts.figures_of(measured, LIMIT)
            assert any(hostile in cell for cells in figure.table.rows for cell in cells) or "text" not in {
                column.kind for column in plot.columns
            }
            for drawing in figure.drawings:
                kinds.add(plot.kind)
                root = parsed(drawing)
                if plot.label or plot.series:
                    assert squeezed(visible(hostile)) in squeezed("".join(root.itertext()))
                for part in root.iter():
                    assert part.tag.removeprefix(SVG) in DRAWN
                    assert not any("owned" in value for value in part.attrib.values())
                    assert not any(name.startswith("on") or name in {"style", "href"} for name in part.attrib)
    assert kinds == set(charts.DRAWINGS) - {"table"}


DRAWN = {"svg", "g", "title", "desc", "text", "line", "path", "rect", "circle"}


def test_a_row_lies_where_its_number_says_and_the_limit_too() -> None:
    drawing = parsed(figures("fairness.selection_rate_ratio")[0].drawings[0])
    limit = next(part for part in drawing.iter() if part.get("class") == "limit")
    ticks = svg.ticks_between(0.55, 0.80)
    width = rows.WIDTH - rows.LABELS - rows.NUMBERS
    frame = svg.Frame(rows.LABELS, 34, width, 1, x_low=ticks[0], x_high=ticks[-1])
    assert float(str(limit.get("x1"))) == pytest.approx(frame.x(0.8), abs=0.02)
    marks = [str(part.get("d")) for part in drawing.iter() if part.get("class") == "mark bad"]
    starts = [float(mark[1:].split(" ")[0]) for mark in marks]
    assert starts == pytest.approx([frame.x(value) for value in (0.61, 0.69, 0.74)], abs=0.02)


def test_a_row_beyond_the_limit_differs_by_shape_too() -> None:
    measured = measurement_for("fairness.selection_rate_ratio").as_json()
    below = charts.figures_of(measured, {"op": ">=", "limit": 0.7})[0].drawings[0]
    assert below.count('class="mark bad"') == 2
    assert below.count('class="mark"') == 1
    above = charts.figures_of(measured, {"op": "<=", "limit": 0.7})[0].drawings[0]
    assert above.count('class="mark bad"') == 1
    assert '<path d="M' in above


def test_suppressed_and_small_groups_stay_in_sight_without_a_number() -> None:
    figure = figures("fairness.selection_rate_ratio")[0]
    said = "".join(parsed(figure.drawings[0]).itertext())
    assert said.count("not measured") == 2
    assert ("other", "–", "–", "–", "–", "fewer than three people") in figure.table.rows


def test_lines_are_told_apart_by_dash_mark_and_name() -> None:
    drawing = parsed(figures("robustness.missing_values")[0].drawings[0])
    kinds = {str(part.get("class")) for part in drawing.iter()}
    assert {"curve s0", "curve s1", "mark s0", "mark s1", "band s0", "band s1"} <= kinds
    assert {"blanked", "noise"} <= set("".join(part.text or "" for part in drawing.iter()).split()) | {
        str(part.text) for part in drawing.iter()
    }


def test_a_darker_cell_is_a_larger_number() -> None:
    drawing = parsed(figures("drift.psi_features")[1].drawings[0])
    shades = [str(part.get("class")) for part in drawing.iter() if str(part.get("class")).startswith("cell")]
    assert shades == ["cell g5", "cell g0", "cell g1", "cell g4"]


def test_every_kind_of_plot_has_a_drawing_in_console_and_dossier() -> None:
    assert set(charts.DRAWINGS) == set(NEEDED_ROLES)
    assert set(NEEDED_ROLES) - {"table"} <= set(KINDS)


def test_a_plot_without_a_single_number_keeps_its_table() -> None:
    columns = (PlotColumn("Group", "text"), PlotColumn("Rate"))
    empty = Plot("intervals", "Rates", columns, (("a", None),), label="Group", value="Rate")
    measured = {"plots": [empty.as_json()]}
    (figure,) = charts.figures_of(measured, LIMIT)
    assert figure.drawings == ()
    assert figure.table.rows == (("a", "–"),)


@pytest.mark.parametrize("status", ["met", "not_met", "insufficient", "error"])
def test_the_line_of_a_result_has_a_shape_for_each_answer(status: str) -> None:
    measured = measurement_for("performance.roc_auc").as_json()
    drawing = rows.gauge(measured, {"op": ">=", "limit": 0.65}, status)
    assert drawing is not None
    shapes = {"met": "<circle", "not_met": "l5.5 5.5", "insufficient": "hollow", "error": "m0 -8"}
    assert shapes[status] in drawing


@pytest.mark.parametrize("measured", [None, {}, {"value": None, "detail": {}, "groups": []}])
def test_nothing_measured_draws_nothing(measured: dict[str, Any] | None) -> None:
    assert charts.figures_of(measured, LIMIT) == []


def test_a_lineage_with_a_cycle_is_still_drawn() -> None:
    nodes = [graph.Node(key, "dataset", key) for key in "abc"]
    edges = [graph.Edge("a", "b", "fed"), graph.Edge("b", "c", "fed"), graph.Edge("c", "a", "fed")]
    drawing = graph.lineage(nodes, edges)
    assert drawing is not None
    assert sum(part.get("class") == "arrow" for part in parsed(drawing).iter()) == 3


def test_a_long_name_is_cut_in_the_drawing_and_whole_in_its_tooltip() -> None:
    name = "x" * 10_000
    text = parsed(svg.text(0, 0, name, within=20))
    assert text.text == "x" * 19 + "…"
    assert text.findtext("title") == name


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.5, "0.5"),
        (1.0, "1"),
        (1234.5, "1,234.5"),
        (3.1e-13, "3.1e-13"),
        (None, "–"),
        (float("nan"), "–"),
        (12, "12"),
        (True, "–"),
    ],
)
def test_numbers_are_written_plainly(value: object, shown: str) -> None:
    assert svg.number(value) == shown


@pytest.mark.parametrize("hidden", ["\u202e", "\u2066", "\u200b", "\ufeff", "\u00ad", "\u0000", "\u2028", "\u200f"])
def test_what_would_hide_is_written_out(hidden: str) -> None:
    assert visible(f"a{hidden}b") == f"a⟨U+{ord(hidden):04X}⟩b"


@pytest.mark.parametrize("plain", ["Müller & Söhne", "模型", "line\nline", "naïve – “quoted”", "🏦"])
def test_ordinary_text_is_left_alone(plain: str) -> None:
    assert visible(plain) == plain


def test_what_several_checks_draw_alike_is_the_same_figure_unless_the_limit_on_it_differs() -> None:
    free = [figures("performance.roc_auc")[0].same for _ in range(2)]
    assert free[0] == free[1]
    measured = measurement_for("fairness.selection_rate_ratio").as_json()
    limited = [charts.figures_of(measured, {"op": ">=", "limit": limit})[0].same for limit in (0.8, 0.9)]
    assert limited[0] != limited[1]
