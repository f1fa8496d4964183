"""The charts of the page: two specifications made with Altair, and the script that draws them.

Every chart of the page is one of the two with other data. Data, words and layout do not belong
here.
"""

from __future__ import annotations

import base64
import gzip
from dataclasses import dataclass
from functools import cache
from typing import Any

import altair as alt
import vl_convert

_FONT = "-apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', system-ui, sans-serif"


def _chart() -> dict[str, Any]:
    """Actual, required path, projection with bands, targets, breaks, peers, official projections.

    Data come by name when it is drawn; `lo` and `hi` bound the value axis, in the indicator's unit.
    """

    def layer(name: str) -> Any:
        return alt.Chart(alt.NamedData(name=name))

    year = alt.X(
        "y:Q",
        title=None,
        scale=alt.Scale(zero=False, nice=False),
        axis=alt.Axis(
            format="d", tickMinStep=1, tickCount=8, grid=False, domainColor="var(--line-strong)",
            tickColor="var(--line-strong)", labelFlush=True, labelOverlap=True
        ),
    )  # fmt: skip
    scale = alt.Scale(
        domainMin=alt.ExprRef("lo"), domainMax=alt.ExprRef("hi"), zero=False, nice=True
    )
    value = alt.Y(
        "v:Q",
        title=None,
        scale=scale,
        axis=alt.Axis(
            tickCount=5, gridColor="var(--line)", domain=False, ticks=False, labelPadding=8
        ),
    )

    def band(low: str, high: str, opacity: float) -> Any:
        return (
            layer("bands")
            .mark_area(color="var(--c-actual)", opacity=opacity, clip=True)
            .encode(x=year, y=value.copy(deep=True), y2=alt.Y2(high))
            .encode(y=alt.Y(f"{low}:Q", title=None, scale=scale))
        )

    tip = alt.Tooltip("tip:N")
    peers = layer("peers").encode(x=year, y=value, detail="g:N", tooltip=tip)
    breaks = layer("breaks").encode(x=year)
    target = layer("targets").encode(x=year, y=value, tooltip=tip)
    official = layer("official").encode(x=year, y=value, tooltip=tip)
    label: dict[str, Any] = {
        "align": "right", "baseline": "bottom", "dx": -9, "dy": -7, "fontSize": 12,
        "fontWeight": 600,
    }  # fmt: skip
    chart = alt.layer(
        band("c", "d", 0.10),
        band("a", "b", 0.16),
        breaks.mark_rule(color="var(--muted)", strokeDash=[2, 3]),
        breaks.mark_text(
            color="var(--muted)", align="left", dx=4, dy=4, baseline="top", fontSize=11
        ).encode(text="label:N", y=alt.value(0)),
        peers.mark_line(strokeWidth=1.5, clip=True).encode(
            color=alt.condition("datum.eu", alt.value("var(--ink)"), alt.value("var(--c-peer)"))
        ),
        layer("names")
        .mark_text(color="var(--muted)", align="left", dx=5, fontSize=11, baseline="middle")
        .encode(x=year, y=value, text="label:N"),
        layer("paths")
        .mark_line(color="var(--c-path)", strokeWidth=1.75, clip=True)
        .encode(
            x=year,
            y=value,
            detail="t:N",
            opacity=alt.condition("datum.k", alt.value(1), alt.value(0.55)),
        ),
        layer("bands")
        .mark_line(color="var(--c-actual)", strokeDash=[5, 4], strokeWidth=2, clip=True)
        .encode(x=year, y=value, tooltip=tip),
        layer("points")
        .mark_line(color="var(--c-actual)", strokeWidth=2.5)
        .encode(x=year, y=value, detail="s:N"),
        layer("points")
        .mark_point(filled=True, size=44, opacity=1, stroke="var(--c-actual)", strokeWidth=1.5)
        .encode(
            x=year,
            y=value,
            fill=alt.condition("datum.o", alt.value("var(--paper)"), alt.value("var(--c-actual)")),
            tooltip=tip,
        ),
        official.mark_rule(color="var(--c-official)", strokeWidth=3).encode(
            y=alt.Y("low:Q", title=None, scale=scale), y2=alt.Y2("high")
        ),
        target.mark_point(
            shape="diamond", size=110, filled=True, color="var(--c-path)", opacity=1
        ),
        # Twice: a halo of paper first, so that no line runs through the figure.
        target.mark_text(**label, color="var(--paper)", stroke="var(--paper)", strokeWidth=5).encode(
            text="label:N"
        ),
        target.mark_text(**label, color="var(--ink)").encode(text="label:N"),
    )  # fmt: skip
    chart = (
        chart.add_params(alt.param(name="lo", value=0), alt.param(name="hi", value=1))
        .properties(width=640, height=270, padding={"left": 2, "right": 14, "top": 12, "bottom": 2})
        .configure(font=_FONT, background="transparent", aria=False)
        .configure_view(stroke=None)
        .configure_axis(labelColor="var(--muted)", labelFontSize=12)
    )
    return _plain(chart)


def _spark() -> dict[str, Any]:
    """A small line of the actual values and the required path, without axes."""

    def line(name: str, colour: str, width: float) -> Any:
        return (
            alt.Chart(alt.NamedData(name=name))
            .mark_line(color=colour, strokeWidth=width)
            .encode(
                x=alt.X("y:Q", axis=None, scale=alt.Scale(zero=False, nice=False)),
                y=alt.Y("v:Q", axis=None, scale=alt.Scale(zero=False, nice=False)),
                detail="s:N",
            )
        )

    last = (
        alt.Chart(alt.NamedData(name="last"))
        .mark_point(filled=True, size=26, color="var(--c-actual)", opacity=1)
        .encode(x="y:Q", y="v:Q")
    )
    chart = (
        alt.layer(
            line("paths", "var(--c-path)", 1.25), line("points", "var(--c-actual)", 1.75), last
        )
        .properties(width=116, height=34, padding=3)
        .configure(font=_FONT, background="transparent", aria=False)
        .configure_view(stroke=None)
    )
    return _plain(chart)


def _plain(chart: Any) -> dict[str, Any]:
    """The chart compiled to Vega, so that the page does not carry the compiler."""
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
    return base64.b64encode(gzip.compress(script.encode("utf-8"), mtime=0)).decode("ascii")


@dataclass(frozen=True)
class Charts:
    """`script` draws what `chart` and `spark` (Vega specifications without data) describe."""

    script: str
    chart: dict[str, Any]
    spark: dict[str, Any]


@cache
def charts() -> Charts:
    """The script and the specifications. They take 1.5 seconds and hold no data: once a process."""
    return Charts(_script(), _chart(), _spark())
