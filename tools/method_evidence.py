"""What the method's choices rest on, measured anew from the tables of a finished run:
`python tools/method_evidence.py [ROOT OF DATA]` (default: the one that a run would use).

Coverage of the bands, CRPS of the drift's share, hit rates of statuses and probabilities. Prints
figures and, where METHOD.md names bounds, whether they are kept. Decides nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np
from scipy.special import beta, stdtr
from scipy.stats import rankdata

from pipeline.paths import Paths
from pipeline.progress.assess import Observation, Question, assess
from pipeline.progress.backtest import Forecasts, History, forecasts, widenings
from pipeline.progress.fragility import fragility
from pipeline.progress.method import (
    BANDS,
    EVERY_CLASS,
    FIRM_FROM,
    LIKELY_FROM,
    PERSISTENCE,
    SHRINKAGE,
)
from pipeline.progress.projection import Numbers

SHARES = (0.0, 0.2, 0.4, 0.5, 0.6, SHRINKAGE, 0.7, 0.8, 0.9, 1.0)
BOUNDS = {"coverage_80": (0.77, 0.83), "coverage_95": (0.93, 0.97), "class_80": (0.72, 0.88)}
DRAWS = 2000  # of indicators, for the interval of the difference in CRPS


def main(arguments: Sequence[str]) -> None:
    paths = Paths(Path(arguments[0]).resolve()) if arguments else Paths.from_environment()
    sections: dict[str, Callable[[Paths], None]] = {
        "Bands: share of what came that they held": bands,
        "Drift: CRPS by the share of the mean change that is carried on": drift,
        "Track record: what past statuses were worth": statuses,
        "Track record: what stated probabilities were worth": probabilities,
        "Confidence: whether the class was another one a year later": confidence,
    }
    for title, section in sections.items():
        print(f"\n{title}\n")
        section(paths)


def bands(paths: Paths) -> None:
    """One, three and five years ahead, each series (each indicator) by the others' widening."""
    print("years  class      n  80 %   (indicator out)  95 %   (indicator out)")
    for row in table(paths.marts / "projection_coverage.parquet", "WHERE horizon IN (1, 3, 5)"):
        one = row["persistence"] == EVERY_CLASS
        inner, outer = row["coverage_80"], row["coverage_95"]
        kept = within(inner, "coverage_80" if one else "class_80")
        kept = kept and (within(outer, "coverage_95") or not one)
        print(
            f"{row['horizon']:5}  {row['persistence']:6} {row['n_forecasts']:5}  {inner:.3f}  "
            f"({row['coverage_80_indicator_out']:.3f})          {outer:.3f}  "
            f"({row['coverage_95_indicator_out']:.3f})  {'' if kept else 'OUTSIDE the bounds'}"
        )


def drift(paths: Paths) -> None:
    """Each share with bands widened for it. The mean CRPS of each series ÷ that of the whole mean
    change, as a geometric mean over series; the interval by drawing indicators anew."""
    histories = [History(**row) for row in table(paths.work / "core" / "histories.parquet")]
    scores = {share: crps_by_series(histories, share) for share in SHARES}
    owner, whole = scores[1.0]
    print("share  CRPS against 1  [95 %]")
    for share, (_, mine) in scores.items():
        ratio = np.log(mine / whole)
        low, high = np.quantile(drawn_anew(ratio, owner), [0.025, 0.975])
        print(f"{share:5.2f}  {100 * np.expm1(ratio.mean()):+6.1f} %  [{100 * np.expm1(low):+.1f}, "
              f"{100 * np.expm1(high):+.1f}]{'  in use' if share == SHRINKAGE else ''}")  # fmt: skip


def statuses(paths: Paths) -> None:
    print("years  status                  n  series  reached  better")
    for row in table(paths.marts / "status_track_record.parquet", "ORDER BY horizon, status"):
        shares = (
            f"{row[c]:.2f}" if row[c] is not None else "   –"
            for c in ("share_reached", "share_better")
        )
        print(f"{row['horizon']:5}  {row['status']:19} {row['n']:5}  {row['n_series']:6}     "
              f"{'    '.join(shares)}")  # fmt: skip


def probabilities(paths: Paths) -> None:
    print("years  bin     n  series  stated  reached")
    for row in table(paths.marts / "probability_track_record.parquet", "ORDER BY horizon, bin"):
        print(f"{row['horizon']:5}  {row['bin']:3} {row['n']:5}  {row['n_series']:6}    "
              f"{row['mean_probability']:.2f}     {row['share_reached']:.2f}")  # fmt: skip


def confidence(paths: Paths) -> None:
    """Of past statuses by the trend, and towards a pseudo-target eight years on, with what was
    said of them then: status_probability and `fragile`."""
    past = [case for history in directed(paths) for case in changed_a_year_later(*history)]
    chance = np.array([case[0] for case in past])
    fragile = np.array([case[1] for case in past])
    changed = np.array([case[2] for case in past])
    print(f"{len(past)} past statuses, {changed.mean():.0%} of another class the next year")
    edges = (0.0, 0.4, LIKELY_FROM, FIRM_FROM, 1.0)
    for low, high in pairwise(edges):
        inside = (chance >= low) & ((chance < high) | (high == 1.0))
        if inside.any():
            print(
                f"  probability {low:.1f}–{high:.1f}: {inside.sum():5}, {changed[inside].mean():.0%}"
            )
    for name, flagged in (("fragile", fragile), ("not fragile", ~fragile)):
        print(f"  {name}: {flagged.sum()}, {changed[flagged].mean():.0%}")
    print(
        f"AUC: 1 − probability {auc(1 - chance, changed):.3f}, fragile {auc(fragile, changed):.3f}"
    )


def directed(paths: Paths) -> Iterator[tuple[dict[int, float], Question]]:
    """Each series of an indicator with a direction, all of it above 0, with its question."""
    indicators = {row["indicator_id"]: row for row in table(paths.marts / "indicators.parquet")}
    seen = set()
    for row in table(paths.work / "core" / "histories.parquet", "WHERE NOT lent"):
        item = indicators[row["indicator"]]
        if row["name"] in seen or item["direction"] is None or min(row["values"]) <= 0:
            continue
        seen.add(row["name"])
        question = Question(
            direction=item["direction"], fit="direct", cadence=item["cadence"], kind="direction",
            modelled=item["modelled"], bound_low=item["bound_low"], bound_high=item["bound_high"],
        )  # fmt: skip
        yield dict(zip(row["years"], row["values"], strict=True)), question


def changed_a_year_later(
    series: dict[int, float], question: Question
) -> Iterator[tuple[float, bool, bool]]:
    """(probability, fragile, class changed) of each status of the past that claims something."""
    seen = [Observation(year, value) for year, value in sorted(series.items())]
    for n in range(4, len(seen)):
        before, after = seen[:n], seen[: n + 1]
        if after[-1].year - before[-1].year > question.cadence:
            continue
        for asked in (question, towards(question, before)):
            now = assess(asked, before, date(before[-1].year + 1, 1, 1))
            if now.status_probability is None:
                continue
            then = assess(asked, after, date(after[-1].year + 1, 1, 1))
            hangs = fragility(asked, before, date(before[-1].year + 1, 1, 1), now).fragile
            yield now.status_probability, bool(hangs), now.status != then.status


def towards(question: Question, seen: Sequence[Observation]) -> Question:
    """A fifth more, or less, than five steps ago, in eight years."""
    start = seen[max(0, len(seen) - 6)].value
    goal = start * (1 + 0.2 * question.sign)
    return replace(question, kind="level", number=goal, target_year=seen[-1].year + 8)


def auc(score: Numbers, came: np.ndarray) -> float:
    """Chance that a case that came has the higher score than one that did not; ties count half."""
    ranks = rankdata(score)
    n = int(came.sum())
    return float((ranks[came].sum() - n * (n + 1) / 2) / (n * (len(came) - n)))


def crps_by_series(histories: Sequence[History], share: float) -> tuple[np.ndarray, np.ndarray]:
    """(number of the indicator, mean CRPS in spreads of a year's change) of each series."""
    found = forecasts(histories, share)
    width = found.error * widened(found)
    scores = crps(found.missed / width, found.freedom) * width / found.spread
    _, first, place = np.unique(found.series, return_index=True, return_inverse=True)
    return found.indicator[first], np.bincount(place, scores) / np.bincount(place)


def widened(found: Forecasts) -> Numbers:
    """How much wider the inner band of each forecast is, as all of them ask."""
    lines = widenings(found)
    base, per_year = np.array([lines[name][BANDS[0]] for name in PERSISTENCE]).T
    width: Numbers = base[found.persistence] + per_year[found.persistence] * found.horizon
    return width


def crps(z: Numbers, freedom: Numbers) -> Numbers:
    """Of a standard Student-t and what came, `z`: closed form, Jordan, Krüger & Lerch, "Evaluating
    probabilistic forecasts with scoringRules", J. Stat. Softw. 90 (2019)."""
    whole = beta(0.5, freedom / 2)
    density = (1 + z * z / freedom) ** (-(freedom + 1) / 2) / (np.sqrt(freedom) * whole)
    spread = np.sqrt(freedom) * beta(0.5, freedom - 0.5) / whole**2
    found: Numbers = z * (2 * stdtr(freedom, z) - 1) + 2 / (freedom - 1) * (
        density * (freedom + z * z) - spread
    )
    return found


def drawn_anew(values: Numbers, owner: np.ndarray) -> Numbers:
    """Means of `values` over owners drawn with replacement, DRAWS times."""
    chance = np.random.default_rng(1)
    n = int(owner.max()) + 1
    sums, counts = np.bincount(owner, values, n), np.bincount(owner, minlength=n)
    known = np.flatnonzero(counts)
    drawn = chance.choice(known, (DRAWS, len(known)))
    found: Numbers = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    return found


def within(value: float, name: str) -> bool:
    low, high = BOUNDS[name]
    return low <= value <= high


def table(file: Path, rest: str = "") -> list[dict[str, object]]:
    return duckdb.sql(f"FROM '{file.as_posix()}' {rest}").to_arrow_table().to_pylist()


if __name__ == "__main__":
    main(sys.argv[1:])
