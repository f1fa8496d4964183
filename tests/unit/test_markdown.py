"""What comes from outside is text in Markdown, never markup."""

from __future__ import annotations

from typing import Any

import pytest

from assets.checks import pulled_result, vintage_result
from pipeline.markdown import escaped
from pipeline.quality.results import CheckResult
from pipeline.report.board import _line
from pipeline.vintages.pull import PullResult

ROW: dict[str, Any] = {
    "short_en": "Waste", "confidence": None, "status": "not_assessable", "reason": "no_data", "label_en": None,
    "latest_year": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<script>alert(1)</script>", r"&lt;script\>alert\(1\)&lt;/script\>"),
        ("[a](javascript:b)", r"\[a\]\(javascript\:b\)"),
        ("a|b\n# c `d`", r"a\|b \# c \`d\`"),
        ("**x** & _y_", r"\*\*x\*\* &amp; \_y\_"),
    ],
)
def test_signs_of_markdown_are_signs_only(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_a_row_of_the_board_holds_no_markup_of_a_title_or_a_label() -> None:
    evil = "</script><img src=x>**b**"
    for name in ("short_en", "label_en", "reason"):
        line = _line({**ROW, name: evil})
        assert "<" not in line and r"\*\*b\*\*" in line
    assert _line(ROW) == "- **Waste**: cannot be assessed\\: no data"


def test_what_a_check_says_of_a_publisher_holds_no_markup() -> None:
    evil = "<img src=x> **b** [a](http://b)"
    failed = pulled_result(PullResult("owid/x", "failed", evil))
    check = CheckResult("numbers", False, "error", False, evil, 1, description="Numbers.")
    for description in (failed.description, vintage_result([check]).description):
        assert description and r"&lt;img src=x\> \*\*b\*\* \[a\]\(http\://b\)" in description


def test_a_publisher_that_was_not_asked_has_not_answered() -> None:
    found = pulled_result(None)
    assert found.passed and found.description == "not asked in this run"
