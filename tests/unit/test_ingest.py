"""`missiemonitor ingest`: what it takes, what it says of it at once, and how a vintage is taken back."""

from __future__ import annotations

import gzip
import os
import socket
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from pipeline.clock import today
from pipeline.paths import Paths
from pipeline.vintages import decisions
from pipeline.vintages.files import FileError, read_file
from pipeline.vintages.store import Archive
from tests import downloads as made
from tests.conftest import Done
from tests.verdicts import state_of

Cli = Callable[..., Done]
ENERGY = "eurostat/nrg_ind_ren"
LIMIT = 1000


def test_a_file_is_read_plain_or_gzip(tmp_path: Path) -> None:
    for name, content in (("a", b"x,y\n"), ("b.gz", gzip.compress(b"x,y\n")), ("empty", b"")):
        (tmp_path / name).write_bytes(content)
        assert read_file(tmp_path / name, LIMIT) == (b"" if name == "empty" else b"x,y\n")


def test_what_is_no_regular_file_is_refused_and_nothing_waits(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    link, pipe, folder = (tmp_path / n for n in ("link.csv", "pipe.csv", "folder"))
    link.symlink_to(secret)
    os.mkfifo(pipe)
    folder.mkdir()
    refused = {link: "a link", pipe: "a pipe", folder: "a folder", Path("/dev/zero"): "a device"}
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "s"))
        refused[tmp_path / "s"] = "a socket"
        for path, kind in refused.items():
            with pytest.raises(FileError, match=f"is {kind}; only regular files"):
                read_file(path, LIMIT)
    with pytest.raises(FileError, match="cannot be read"):
        read_file(tmp_path / "absent", LIMIT)


def test_the_size_is_looked_at_first(tmp_path: Path) -> None:
    large, bomb, cut = (tmp_path / n for n in ("large", "bomb.gz", "cut.gz"))
    with large.open("wb") as file:
        file.truncate(1 << 40)  # a terabyte that takes no room
    with pytest.raises(FileError, match="1,099,511,627,776 bytes"):
        read_file(large, LIMIT)
    bomb.write_bytes(gzip.compress(b"0" * 2000))
    with pytest.raises(FileError, match="unpacks to more than 1,000 bytes"):
        read_file(bomb, LIMIT)
    cut.write_bytes(gzip.compress(os.urandom(500))[:-20])
    with pytest.raises(FileError, match="damaged gzip"):
        read_file(cut, LIMIT)


@pytest.fixture
def take(cli: Cli, tmp_path: Path) -> Callable[..., Done]:
    """`take(body, *words)`: ingest a file of renewable energy."""

    def taken(body: bytes, *words: str, dataset: str = ENERGY) -> Done:
        file = tmp_path / "a file"
        file.write_bytes(body)
        return cli(tmp_path / "data", "ingest", str(file), "--dataset", dataset, *words)

    return taken


def kept(tmp_path: Path, name: str = ENERGY) -> list[str]:
    return [v.vintage_id for v in Archive(Paths(tmp_path / "data")).vintages(*name.split("/"))]


def revised() -> bytes:
    rows = made.rows_of(made.bundled(ENERGY))
    last = max(r["TIME_PERIOD"] for r in rows)
    for row in rows:
        if row["TIME_PERIOD"] == last and row["geo"] == "NL":
            row["OBS_VALUE"] = f"{float(row['OBS_VALUE']) + 0.1:.3f}"
    return made.tsv(rows)


def test_what_is_no_file_of_the_dataset_is_refused_in_one_line_and_not_kept(
    take: Callable[..., Done], tmp_path: Path
) -> None:
    for body in (
        b"",
        b"a,b\n1,2\n",
        made.workbook([["About"], ["x"]]),
        made.bundled("oecd/DF_TABLE11"),
    ):
        done = take(body)
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr
        assert "a file: not taken in: " in done.stderr and not done.stdout
    assert len(kept(tmp_path)) == 1


def test_a_good_file_is_recognised_and_passes_at_once(
    take: Callable[..., Done], tmp_path: Path
) -> None:
    done = take(gzip.compress(revised()))
    [shipped, new] = kept(tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        f"{ENERGY}: Eurostat TSV, taken as {ENERGY}'s: candidate vintage {new} passes its checks; "
        "the next `missiemonitor run` uses it\n"
    )
    state = state_of(tmp_path / "data", ENERGY, today())
    assert state.vintage_id == new != shipped and state.accepted


def test_a_bad_file_waits_and_is_taken_back(
    take: Callable[..., Done], cli: Cli, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    lines = made.bundled(ENERGY).splitlines(keepends=True)
    half = b"".join(lines[: len(lines) // 2])
    done = take(half)
    [shipped, bad] = kept(tmp_path)
    said, to_do = done.stderr.splitlines()
    assert done.returncode == 3
    assert f"vintage {bad} is kept and waits ({shipped} stays in use): " in said
    assert f"missiemonitor accept {bad} --why" in to_do and f"--withdraw {bad}" in to_do
    assert state_of(root, ENERGY, today()).pending.startswith(bad)

    assert "--why: say why" in cli(root, "ingest", "--withdraw", bad).stderr
    taken = cli(
        root, "ingest", "--withdraw", bad, "--why", "half\nis missing", "--author", "A. Person"
    )
    assert taken.returncode == 0 and "is withdrawn" in taken.stdout
    state = state_of(root, ENERGY, today())
    why = f"withdrawn by A. Person on {today()}: half is missing"
    assert (state.vintage_id, state.pending, state.accepted) == (shipped, "", True)
    assert [(r["verdict"], r["reason"]) for r in state.vintages][1] == ("withdrawn", why)
    [check] = [c for c in state.checks if c.name == "withdrawn"]
    assert check.passed and check.observed == f"{bad}: {why}"
    # The bytes are there still, and the same file does not come back unnoticed.
    assert len(kept(tmp_path)) == 2
    again = take(half)
    assert again.returncode == 1 and why in again.stderr and "accept" in again.stderr


def test_every_fault_of_a_table_is_told_at_once(take: Callable[..., Done]) -> None:
    name = "curated/nato_defence_expenditure"
    head, cell = "series,geo,period,value,unit,flag\n", "defence_expenditure_share_gdp"
    rows = f'{cell},NL,2020,"1,5",%,\n{cell},Nederland,2021,1.5,%,\n{cell},BE,21,1,%,\n{cell},BE,2021,,%,\n'
    done = take((head + rows).encode(), dataset=name)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert done.stderr.endswith(
        "no row of the body can be used: 1 not a number (line 1: 1,5), 1 unknown area (line 2: "
        "Nederland), 1 period not read (line 3: 21), 1 no value\n"
    )
    done = take((head + rows + f"{cell},NL,2019,1.4,% of GDP,\n").encode(), dataset=name)
    assert (
        done.returncode == 3
        and "rows that are set aside: 1 not a number (line 1: 1,5)" in done.stdout
    )
    done = take(b"series,geo,jaar,waarde\na,NL,2020,1\n", dataset=name)
    assert "lacks the columns period, value, unit, flag" in done.stderr


def test_another_table_with_the_same_dimensions_waits_where_a_file_does_not_say_what_it_is(
    take: Callable[..., Done], tmp_path: Path
) -> None:
    rows = made.rows_of(made.bundled(ENERGY))
    other = [
        {**r, "OBS_VALUE": f"{100 - float(r['OBS_VALUE']):.3f}"} for r in rows if r["OBS_VALUE"]
    ]
    done = take(made.tsv(other))
    assert done.returncode == 3 and "another table? [as_asked]" in done.stderr, done.stderr
    assert "differ by more than 10%" in done.stderr and len(kept(tmp_path)) == 2
    # The right file is held against what is in use, not against the wrong one that waits.
    done = take(made.tsv([{**r, "OBS_VALUE": r["OBS_VALUE"]} for r in rows if r["OBS_VALUE"]]))
    assert done.returncode == 0 and "another table?" not in done.stderr, done.stderr


def test_a_vintage_in_use_is_withdrawn_and_taken_back_into_use(
    take: Callable[..., Done], cli: Cli, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    take(revised())
    [shipped, new] = kept(tmp_path)
    cli(root, "ingest", "--withdraw", new, "--why", "another edition")
    assert state_of(root, ENERGY, today()).vintage_id == shipped
    cli(root, "accept", new, "--why", "it was the right one")
    state = state_of(root, ENERGY, today())
    assert state.vintage_id == new and all(c.name != "withdrawn" for c in state.checks)
    cli(root, "ingest", "--withdraw", shipped, "--why", "a")
    cli(root, "ingest", "--withdraw", new, "--why", "b")
    state = state_of(root, ENERGY, today())
    assert state.vintage_id == "none" and not state.pending and not state.accepted
    assert {c.observed for c in state.checks if c.name != "withdrawn"} == {
        "every vintage was withdrawn"
    }


def test_a_withdrawal_that_ended_stays_on_file(take: Callable[..., Done], tmp_path: Path) -> None:
    take(revised())
    archive = Archive(Paths(tmp_path / "data"))
    vintage = archive.vintages(*ENERGY.split("/"))[-1]
    decisions.withdraw(archive, vintage, "A", date(2026, 11, 1), "wrong")
    decisions.accept(archive, vintage, "B", date(2026, 11, 2), "right")
    assert decisions.withdrawal(archive, vintage) == {}
    [note] = (tmp_path / "data" / "raw" / decisions.WITHDRAWN).rglob("*.json")
    assert '"why": "wrong"' in note.read_text() and '"author": "B"' in note.read_text()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "give a FILE to take in, or --withdraw"),
        (["x.csv", "--withdraw", "abc"], "give a FILE to take in, or --withdraw"),
        (["x.csv"], "--dataset: name the dataset"),
        (["x.csv", "--dataset", ENERGY, "--why", "a"], "go with --withdraw"),
        (["--withdraw", "nothing", "--why", "a"], "no such vintage"),
        (["/dev/zero", "--dataset", ENERGY], "is a device"),
    ],
)
def test_words_that_do_not_fit_are_one_line(
    cli: Cli, tmp_path: Path, words: list[str], says: str
) -> None:
    done = cli(tmp_path / "data", "ingest", *words)
    assert done.returncode == 1 and says in done.stderr and len(done.stderr.splitlines()) == 1
