"""The charts of the page: two specifications made with Altair, and the script that draws them.

Every chart of the page is one of the two with other data. Data, words and layout do not belong
here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import altair as alt
import vl_convert

from pipeline.report.embedded import packed

_FONT = "-apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', system-ui, sans-serif"


def _layer(data: str) -> Any:
    """A layer over data that come by name when the chart is drawn."""
    return alt.Chart(alt.NamedData(name=data))


def _year() -> alt.X:
    axis = alt.Axis(
        format="d", values=alt.ExprRef("ticks"), grid=False, domainColor="var(--line-strong)",
        tickColor="var(--line-strong)", labelFlush=True, labelOverlap=True
    )  # fmt: skip
    scale = alt.Scale(
        domainMin=alt.ExprRef("from"), domainMax=alt.ExprRef("to"), zero=False, nice=False
    )
    return alt.X("y:Q", title=None, scale=scale, axis=axis)


def _scale() -> alt.Scale:
    return alt.Scale(
        domainMin=alt.ExprRef("lo"), domainMax=alt.ExprRef("hi"), zero=False, nice=True
    )


def _value() -> alt.Y:
    axis = alt.Axis(tickCount=5, gridColor="var(--line)", domain=False, ticks=False, labelPadding=8)
    return alt.Y("v:Q", title=None, scale=_scale(), axis=axis)


def _actual() -> list[Any]:
    """The values observed; an open point is provisional, estimated or carried forward."""
    fill = alt.condition("datum.o", alt.value("var(--paper)"), alt.value("var(--c-actual)"))
    return [
        _layer("lines")
        .mark_line(color="var(--c-actual)", strokeWidth=2.5)
        .encode(x=_year(), y=_value(), detail="s:N"),
        _layer("points")
        .mark_point(filled=True, size=44, opacity=1, stroke="var(--c-actual)", strokeWidth=1.5)
        .encode(x=_year(), y=_value(), fill=fill),
    ]


def _band(low: str, high: str, opacity: float) -> Any:
    return (
        _layer("bands")
        .mark_area(color="var(--c-actual)", opacity=opacity, clip=True)
        .encode(x=_year(), y=_value(), y2=alt.Y2(high))
        .encode(y=alt.Y(f"{low}:Q", title=None, scale=_scale()))
    )


def _continuation() -> Any:
    """The projection: the line in the middle of its bands."""
    return (
        _layer("bands")
        .mark_line(color="var(--c-actual)", strokeDash=[5, 4], strokeWidth=2, clip=True)
        .encode(x=_year(), y=_value())
    )


def _breaks() -> list[Any]:
    """The years between the last value before a break and the first one after it, shaded."""
    breaks = _layer("breaks").encode(x=_year())
    return [
        breaks.mark_rect(color="var(--muted)", opacity=0.16).encode(x2=alt.X2("to")),
        breaks.mark_text(
            color="var(--muted)", align="left", dx=4, dy=4, baseline="top", fontSize=11
        ).encode(text="label:N", y=alt.value(0)),
    ]


def _peers() -> list[Any]:
    """Other countries, each with its name at the end of its line."""
    colour = alt.condition("datum.eu", alt.value("var(--ink)"), alt.value("var(--c-peer)"))
    return [
        _layer("peers")
        .encode(x=_year(), y=_value(), detail="g:N")
        .mark_line(strokeWidth=1.5, clip=True)
        .encode(color=colour),
        _layer("names")
        .mark_text(color="var(--muted)", align="left", dx=5, fontSize=11, baseline="middle")
        .encode(x=_year(), y=_value(), text="label:N"),
    ]


def _paths() -> Any:
    """The required path to each target; to one that does not count it is fainter."""
    return (
        _layer("paths")
        .mark_line(color="var(--c-path)", strokeWidth=1.75, clip=True)
        .encode(
            x=_year(),
            y=_value(),
            detail="t:N",
            opacity=alt.condition("datum.k", alt.value(1), alt.value(0.55)),
        )
    )


def _official() -> Any:
    """Official projections, from their low to their high."""
    return (
        _layer("official")
        .encode(x=_year(), y=_value())
        .mark_rule(color="var(--c-official)", strokeWidth=3)
        .encode(y=alt.Y("low:Q", title=None, scale=_scale()), y2=alt.Y2("high"))
    )


def _targets() -> list[Any]:
    """The targets, each with its kind, year and value at its mark."""
    target = _layer("targets").encode(x=_year(), y=_value())
    found = [
        target.mark_point(shape="diamond", size=110, filled=True, color="var(--c-path)", opacity=1)
    ]
    for up, baseline, dy in ((1, "bottom", -7), (0, "top", 8)):
        label: dict[str, Any] = {
            "align": "right", "baseline": baseline, "dx": -9, "dy": dy, "fontSize": 12,
            "fontWeight": 600,
        }  # fmt: skip
        these = target.transform_filter(f"datum.up === {up}").encode(text="label:N")
        found += [
            # Twice: first with a wide edge of paper, so that no line runs through the figure.
            these.mark_text(**label, color="var(--paper)", stroke="var(--paper)", strokeWidth=5),
            these.mark_text(**label, color="var(--ink)"),
        ]
    return found


def _chart() -> dict[str, Any]:
    """Actual values, required paths, projection with bands, targets, breaks, peers and official
    projections, in the order in which they are drawn over each other.

    `lo` and `hi` bound the value axis, in the unit that is shown; `from` and `to` the years, and
    `ticks` are those with a number.
    """
    peers, names = _peers()
    chart = (
        alt.layer(
            _band("c", "d", 0.10),
            _band("a", "b", 0.16),
            *_breaks(),
            peers,
            names,
            _paths(),
            _continuation(),
            *_actual(),
            _official(),
            *_targets(),
        )
        .add_params(
            *(
                alt.param(name=n, value=v)
                for n, v in (("lo", 0), ("hi", 1), ("from", 0), ("to", 1))
            ),
            alt.param(name="ticks", value=[0]),
        )
        .properties(width=640, height=270, padding={"left": 2, "right": 14, "top": 12, "bottom": 2})
    )
    return _vega(chart, alt.AxisConfig(labelColor="var(--muted)", labelFontSize=12))


def _spark() -> dict[str, Any]:
    """A small line of the actual values and the required path, without axes."""

    def line(data: str, colour: str, width: float) -> Any:
        return (
            _layer(data)
            .mark_line(color=colour, strokeWidth=width)
            .encode(
                x=alt.X("y:Q", axis=None, scale=alt.Scale(zero=False, nice=False)),
                y=alt.Y("v:Q", axis=None, scale=alt.Scale(zero=False, nice=False)),
                detail="s:N",
            )
        )

    last = (
        _layer("last")
        .mark_point(filled=True, size=26, color="var(--c-actual)", opacity=1)
        .encode(x="y:Q", y="v:Q")
    )
    chart = alt.layer(
        line("paths", "var(--c-path)", 1.25), line("points", "var(--c-actual)", 1.75), last
    ).properties(width=116, height=34, padding=3)
    return _vega(chart)


def _vega(chart: Any, axis: Any = alt.Undefined) -> dict[str, Any]:
    """The chart compiled to Vega, so that the page does not carry the compiler."""
    chart = chart.configure(
        font=_FONT, background="transparent", aria=False, axis=axis,
        view=alt.ViewConfig(stroke=None),
    )  # fmt: skip
    spec: dict[str, Any] = vl_convert.vegalite_to_vega(chart.to_dict())
    spec.pop("$schema", None)
    return spec


def _script() -> str:
    """Vega as a script without imports, gzip in base64: unpacked it would be half of the page."""
    # vl-convert's own `vega` is null in a bundle; its vendored module is not.
    vega = f"/npm/vega@{vl_convert.get_vega_version()}/+esm"
    script = vl_convert.javascript_bundle(
        f'import {{View, formatLocale, parse}} from "{vega}"; '
        "window.vega = {View, formatLocale, parse};"
    )
    return packed(script)


@dataclass(frozen=True)
class Charts:
    """`script` draws what `chart` and `spark` (Vega specifications without data) describe."""

    script: str
    chart: dict[str, Any]
    spark: dict[str, Any]


@cache
def charts() -> Charts:
    """The script and the specifications. They hold no data, and take 1.5 seconds of CPU: made once in
    a process, and not kept on disk for the next one."""
    return Charts(_script(), _chart(), _spark())
