"""The work of pipeline/formats on one SDMX-CSV body as users of other libraries would write it.

`make bench` measures ours beside these; what they give must be the same rows.
"""

from __future__ import annotations

import re
from pathlib import Path

FLOW = "ENV_BENCH"


def pandas(folder: Path) -> dict[str, int]:
    """The same work as a careful user of pandas would write it: whole columns at a time, texts
    that repeat mapped once, and duplicates grouped only where a key occurs twice."""
    import numpy as np
    import pandas as pd

    frame = pd.read_csv(folder / "body.csv.gz", dtype="str", keep_default_na=False)
    stated = {v.split(":", 1)[-1].split("(")[0] for v in frame["DATAFLOW"].unique()}
    if stated != {FLOW}:
        raise ValueError("another dataset")
    dims = sorted(c for c in frame if c == c.lower() and c != "geo")
    key = None
    for name in dims:
        part = f"{name}=" + frame[name].str.strip()
        key = part if key is None else key + "|" + part
    value = frame["OBS_VALUE"].str.strip()
    period = frame["TIME_PERIOD"].str.strip()
    flag = frame["OBS_FLAG"]
    sets = {f: sorted(set(re.findall("[A-Za-z]", f))) for f in flag.unique()}
    empty = value.isin(["", ":"])
    number = pd.to_numeric(value.mask(empty), errors="coerce")
    annual = period.str.fullmatch(r"\d{4}")
    reason = np.select(
        [
            ~annual & period.str.match(r"\d{4}-"),
            (frame["CONF_STATUS"].str.strip() == "C") & empty,
            flag.str.contains("f"),
            flag.str.contains("c") & empty,
            empty,
            number.isna(),
            ~np.isfinite(number),
            ~annual,
        ],
        ["not_annual", "confidential", "forecast", "confidential", "no_value", "not_a_number",
         "not_finite", "period_not_read"],
        default="",
    )  # fmt: skip
    table = pd.DataFrame({
        "line": np.arange(1, len(frame) + 1), "series_key": key, "geo": frame["geo"].str.strip(),
        "period": period, "value": number, "text": frame["OBS_VALUE"],
        "unit": frame["unit"].str.strip(), "flags": flag.map(sets), "reason": reason,
    })  # fmt: skip
    good = table[table["reason"] == ""].copy()
    good["year"] = good["period"].astype("int32")
    cell = ["series_key", "geo", "year"]
    twice = good[good.duplicated(cell, keep=False)].copy()
    twice["size"] = twice["flags"].str.len()
    twice = twice.sort_values([*cell, "size", "line"])
    ends = twice.groupby(cell)["value"].agg(["min", "max"])
    differs = ends[ends["min"] != ends["max"]].index
    twice["differs"] = pd.MultiIndex.from_frame(twice[cell]).isin(differs)
    again = twice["differs"] | twice.duplicated(cell)
    said = np.where(twice["differs"], "duplicate_differs", "duplicate_same")[again]
    table.loc[twice.index[again], "reason"] = said
    good = good.drop(twice.index[again]).sort_values([*cell, "line"])
    columns = ["series_key", "geo", "period", "year", "value", "unit", "flags"]
    good[columns].to_parquet(folder / "pandas.parquet", index=False)
    bad = table[table["reason"] != ""]
    columns = ["line", "series_key", "geo", "period", "text", "flags", "reason"]
    bad[columns].rename(columns={"text": "value"}).to_parquet(
        folder / "pandas_rejects.parquet", index=False
    )
    return {"observations": len(good), "rejects": len(bad)}


def polars(folder: Path) -> dict[str, int]:
    """The same work as one lazy query of Polars, whole columns at a time."""
    import polars as pl

    text = pl.col
    frame = pl.scan_csv(folder / "body.csv.gz", infer_schema=False).fill_null("")
    names = frame.collect_schema().names()
    dims = sorted(c for c in names if c == c.lower() and c != "geo")
    key = [pl.format(f"{name}={{}}", text(name).str.strip_chars(" ")) for name in dims]
    value, flag = text("OBS_VALUE").str.strip_chars(" "), text("OBS_FLAG")
    period = text("TIME_PERIOD").str.strip_chars(" ")
    empty, number = value.is_in(["", ":"]), value.cast(pl.Float64, strict=False)
    annual = period.str.contains(r"^\d{4}$")
    secret = text("CONF_STATUS").str.strip_chars(" ") == "C"
    faults = (
        (~annual & period.str.contains(r"^\d{4}-"), "not_annual"), (secret & empty, "confidential"),
        (flag.str.contains("f"), "forecast"), (flag.str.contains("c") & empty, "confidential"),
        (empty, "no_value"), (number.is_null(), "not_a_number"), (~number.is_finite(), "not_finite"),
        (~annual, "period_not_read"),
    )  # fmt: skip
    reason = pl.coalesce(pl.when(fault).then(pl.lit(name)) for fault, name in faults)
    table = frame.with_row_index("line", 1).select(
        "line", "DATAFLOW", pl.concat_str(key, separator="|").alias("series_key"),
        text("geo").str.strip_chars(" "), period.alias("period"), number.alias("value"),
        text("OBS_VALUE").alias("text"), text("unit").str.strip_chars(" "),
        flag.str.extract_all("[A-Za-z]").list.unique().list.sort().alias("flags"),
        reason.alias("reason"),
    ).collect()  # fmt: skip
    stated = {v.split(":", 1)[-1].split("(")[0] for v in table["DATAFLOW"].unique()}
    if stated != {FLOW}:
        raise ValueError("another dataset")
    cell = ["series_key", "geo", "year"]
    good = table.filter(text("reason").is_null()).with_columns(
        text("period").cast(pl.Int32).alias("year"), text("flags").list.len().alias("size")
    )
    twice = good.filter(good.select(cell).is_duplicated()).sort(*cell, "size", "line")
    again = twice.with_columns(
        (text("value").min().over(cell) != text("value").max().over(cell)).alias("differs"),
        (pl.int_range(pl.len()).over(cell) > 0).alias("later"),
    ).filter(text("differs") | text("later"))
    said = pl.when("differs").then(pl.lit("duplicate_differs")).otherwise(pl.lit("duplicate_same"))
    again = again.select("line", said.alias("again"))
    columns = ["series_key", "geo", "period", "year", "value", "unit", "flags"]
    good = good.join(again, on="line", how="anti").sort(*cell, "line").select(columns)
    good.write_parquet(folder / "polars.parquet", compression="snappy")
    bad = table.join(again, on="line", how="left").filter(
        text("reason").is_not_null() | text("again").is_not_null()
    )
    columns = ["line", "series_key", "geo", "period", "text", "flags"]
    bad = bad.select(*columns, pl.coalesce("reason", "again").alias("reason")).sort("line")
    bad.write_parquet(folder / "polars_rejects.parquet", compression="snappy")
    return {"observations": good.height, "rejects": bad.height}
