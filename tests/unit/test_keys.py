"""A publisher's series keys told to be the registry's: never more than one, never a guess."""

from __future__ import annotations

import pytest

from pipeline.formats.keys import align, canonical
from pipeline.series_key import dims_of, series_key


@pytest.mark.parametrize(
    ("code", "plain"),
    [
        ("15+", "15"),
        ("30-70", "30_70"),
        ("_T", "T"),
        ("bothsex", "BOTHSEX"),
        (" A ", "A"),
        ("", ""),
    ],
)
def test_a_code_whatever_its_case_and_signs(code: str, plain: str) -> None:
    assert canonical(code) == plain


def test_a_key_is_its_dimensions() -> None:
    assert dims_of("a=1|b=x=y") == {"a": "1", "b": "x=y"}
    assert series_key({"b": "x=y ", "a": 1}) == "a=1|b=x=y"


NEED = "Age=30_70|Sex=BOTHSEX|seriesCode=S"
ASKED = {NEED: dims_of(NEED)}


@pytest.mark.parametrize(
    ("found", "keys", "unsettled"),
    [
        ([NEED], {}, 0),
        (["Age=30-70|Sex=bothsex|seriesCode=S"], 1, 0),
        # A dimension that the registry does not name may only be the total.
        (["Age=30-70|Disease=_T|Sex=BOTHSEX|seriesCode=S"], 1, 0),
        (["Age=30-70|Disease=CANCER|Sex=BOTHSEX|seriesCode=S"], {}, 0),
        (["Age=30-70|Sex=MALE|seriesCode=S"], {}, 0),
        (["Age=30-70|Sex=BOTHSEX|seriesCode=S", "Age=30-70|Disease=_T|Sex=BOTHSEX|seriesCode=S"], 1, 0),
        # Two that fit are none.
        (["Age=30-70|Sex=BOTHSEX|seriesCode=S", "Age=30+70|Sex=BOTHSEX|seriesCode=S"], {}, 1),
        ([], {}, 0),
    ],
)  # fmt: skip
def test_a_key_fits_by_its_codes(found: list[str], keys: object, unsettled: int) -> None:
    told, open_ = align(found, [NEED], ASKED)
    assert told == ({found[0]: NEED} if keys == 1 else keys)
    assert len(open_) == unsettled


def test_the_one_series_must_be_one() -> None:
    assert align(["column=a"], ["column=x"], {"column=x": "only"}) == ({"column=a": "column=x"}, [])
    told, (said,) = align(["column=a", "column=b"], ["column=x"], {"column=x": "only"})
    assert told == {} and "2 came: column=a, column=b" in said
    # By its own name it is known among others too.
    assert align(["column=a", "column=x"], ["column=x"], {"column=x": "only"}) == ({}, [])
