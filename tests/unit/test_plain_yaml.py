"""YAML that would grow or break the parser is refused, with its line, before it is read."""

from __future__ import annotations

import pytest
import yaml

from pipeline.plain_yaml import DEEPEST, check_plain, load_plain

BOMB = "\n".join(
    ["a0: &a0 [x, x]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30))]
)


@pytest.mark.parametrize(
    ("text", "says", "line"),
    [
        (BOMB, r"an alias \(\*a0\)", 2),
        ("a: &a\n  b: *a\n", r"an alias \(\*a\)", 2),
        ("<<: *x\n", r"an alias \(\*x\)", 1),
        (f"a:\n  {'[' * 900}", f"nested deeper than {DEEPEST}", 2),
        # From PyYAML 6.0.4 on the parser refuses a thousand by itself, before we hear of the first.
        (f"a:\n  {'[' * 1_000_000}", f"nested deeper than {DEEPEST}|maximum nesting depth", 2),
        (
            "\n".join(" " * i + "- " for i in range(500)),
            f"nested deeper than {DEEPEST}",
            DEEPEST + 1,
        ),
        ("a: [1,\n", "did not find", 2),
    ],
)
def test_it_is_refused_with_its_line(text: str, says: str, line: int) -> None:
    for read in (check_plain, load_plain):
        with pytest.raises(yaml.MarkedYAMLError, match=says) as raised:
            read(text)
        assert raised.value.problem_mark.line + 1 == line


def test_what_is_long_is_refused_and_what_is_plain_is_read() -> None:
    with pytest.raises(yaml.YAMLError, match="longer than 4 MiB"):
        check_plain("# " + "x" * (5 << 20))
    deep = "[" * DEEPEST + "1" + "]" * DEEPEST
    assert load_plain("a: &name 1\nb: '*name'\n") == {"a": 1, "b": "*name"}
    assert load_plain(deep) == yaml.safe_load(deep)
    assert load_plain("") is None
