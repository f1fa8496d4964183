"""A machine that cannot: a full disk, folders that cannot be written to, too little memory. Each is one
line with what to do."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline.formats import DatasetSpec, ParseError, parse
from pipeline.formats.bodies import MOST_COLUMNS
from pipeline.machine import check_room, said_of


def test_a_run_begins_only_where_it_can_write(tmp_path: Path) -> None:
    check_room(tmp_path / "new" / "root")
    assert list((tmp_path / "new" / "root").iterdir()) == []
    with pytest.raises(RuntimeError, match=r"MiB are free, and a run wants .*: make room"):
        check_room(tmp_path, least=1 << 60)
    (tmp_path / "file").touch()
    with pytest.raises(RuntimeError, match=r"cannot be written to \(.*MISSIEMONITOR_DATA"):
        check_room(tmp_path / "file")
    for nowhere in ("/proc/none", "/dev/null/none"):
        with pytest.raises(RuntimeError, match=f"{nowhere} cannot be written to"):
            check_room(Path(nowhere))


def test_it_is_one_line_of_the_command(process: Any) -> None:
    done = process(Path("/dev/null/root"), "run", "--offline")
    assert done.returncode == 1 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("missiemonitor: /dev/null/root cannot be written to")


def out_of_memory() -> Exception:
    with duckdb.connect() as con:
        con.execute("SET memory_limit='1MB'")
        with pytest.raises(duckdb.Error) as raised:
            con.execute(
                "CREATE TABLE t AS SELECT range AS i, repeat('x', 99) AS s FROM range(1000000)"
            )
    return raised.value


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "x"), "make room"),
        (sqlite3.OperationalError("database or disk is full"), "make room"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "MISSIEMONITOR_DATA"),
        (OSError(errno.EROFS, os.strerror(errno.EROFS), "x"), "MISSIEMONITOR_DATA"),
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES), "x"), "MISSIEMONITOR_DATA"),
        (MemoryError(), "memory ran out"),
        (RuntimeError("can't start new thread"), "memory ran out"),
        (out_of_memory(), "memory ran out"),
    ],
)  # fmt: skip
def test_an_error_of_the_machine_says_what_to_do(error: Exception, advice: str) -> None:
    said = said_of(error)
    assert advice in said and "\n" not in said


def test_any_other_error_says_what_it_says() -> None:
    assert said_of(ValueError("a\nb")) == "a\nb" and said_of(KeyError()) == "KeyError"


def test_a_header_with_columns_without_end_is_refused() -> None:
    def body(number: int) -> bytes:
        names = ",".join(f"c{i}" for i in range(number - 3))
        cells = ",".join("1" for _ in range(number - 3))
        return f"Entity,Code,Year,{names}\nNetherlands,NLD,2020,{cells}\n".encode()

    spec = DatasetSpec("owid", "x", "owid_csv")
    assert parse(body(50), spec)
    with pytest.raises(ParseError, match=r"2,001 columns, more than the 2,000"):
        parse(body(MOST_COLUMNS + 1), spec)
