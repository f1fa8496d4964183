"""What `doctor` looks at: set-up, published set, last night, buckets, alerts, live keys. Each part prints and tells
whether something is amiss; the command and its options belong in doctor.py.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

import typer

from pipeline.alerts import FILE, URLS, Alert, addresses, send
from pipeline.bucket import Bucket, BucketError, within
from pipeline.cli.common import UserError, instance_of
from pipeline.clock import today
from pipeline.outcome import few
from pipeline.paths import Paths, registry_root, sql_root
from pipeline.publishers.http import Transport
from pipeline.registry import load
from pipeline.release import bucket as release_bucket
from pipeline.release.integrity import SUMS, damages
from pipeline.release.read import Release, ReleaseError, is_problem, kept
from pipeline.release.record import current_of
from pipeline.vintages import mirror
from pipeline.vintages.live_keys import check_keys, recall_keys
from pipeline.vintages.pull import Puller, load_pull_results
from pipeline.vintages.store import Archive, ArchiveError, Vintage
from pipeline.warehouse.model import load_models

_BUCKET_SECONDS = 60.0


def check_set_up(paths: Paths) -> bool:
    """Print what registry, SQL files and archive hold; True if a dataset has no vintage, or the
    bytes of one are damaged. RegistryError, ModelError for a mistake in them."""
    registry = load(registry_root())
    models = load_models(sql_root())
    archive = Archive(paths)
    archive.seed()
    typer.echo(
        f"registry: {len(registry.indicators)} indicators, {len(registry.datasets)} datasets"
    )
    typer.echo(f"models: {len(models)}")
    count, amiss = 0, False
    waiting: list[str] = []
    for name, dataset in registry.datasets.items():
        vintages = archive.vintages(dataset.source, dataset.dataset)
        count += len(vintages)
        if not vintages and not dataset.live_only:
            amiss = _amiss(f"{name}: no vintage; ingest a file for it")
        waiting += [name] if not vintages and dataset.live_only else []
        for vintage in vintages:
            if damage := _damage(vintage):
                amiss = _amiss(
                    f"{name}: vintage {vintage.folder}: {damage}{_whole(vintage, paths)}"
                )
    typer.echo(f"vintages: {count}")
    if waiting:
        typer.echo(f"not pulled yet: {', '.join(waiting)} (the first night that pulls fills them)")
    return amiss


def _amiss(line: str) -> bool:
    typer.echo(f"! {line}", err=True)
    return True


def _damage(vintage: Vintage) -> str:
    try:
        vintage.body()
    except ArchiveError as error:
        return str(error)
    return ""


def _whole(vintage: Vintage, paths: Paths) -> str:
    """Where the bytes of a damaged vintage are to be had, if it ships with the project."""
    if not vintage.folder.is_relative_to(paths.raw):
        return ""
    bundled = paths.bundle / vintage.folder.relative_to(paths.raw)
    if paths.raw == paths.bundle:
        return f" (git checkout -- {bundled})"
    return f" (copy it from {bundled})" if (bundled / "body.gz").is_file() else ""


def check_published(paths: Paths) -> bool:
    """Print which release is published; True if there is none, a file of it or of another that is
    kept is damaged, or it has datasets in quarantine or no figures at all."""
    current = current_of(paths.marts)
    typer.echo(f"published: {current or 'nothing yet'}")
    amiss = False
    if current is None:
        amiss = _amiss("nothing is published: run `missiemonitor run`")
    for folder in kept(paths.marts):
        if folder.name != current and not (folder / SUMS).exists():
            continue  # an older version wrote it, without checksums
        mends = (
            "`missiemonitor run` writes it anew"
            if folder.name == current
            else f"it is not the current release: remove {folder}"
        )
        for damage in damages(folder):
            amiss = _amiss(f"release {folder.name}: {damage}; {mends}")
    if current is None:
        return amiss
    return _check_figures(Release(paths.marts / "releases" / current)) or amiss


def _check_figures(release: Release) -> bool:
    amiss = False
    try:
        sources, progress = release.rows("source_status"), release.rows("indicator_progress")
    except ReleaseError as error:
        return _amiss(str(error))
    for row in filter(is_problem, sources):
        name = f"{row['source']}/{row['dataset']}"
        if row["pending"]:
            amiss = _amiss(f"{name}: its newest vintage is in quarantine: {row['pending']}")
        else:
            amiss = _amiss(f"{name}: no vintage that can be used; ingest a file for it")
    if all(row["reason"] == "no_data" for row in progress):
        amiss = _amiss("no indicator has figures: every status is no_data; see the lines above")
    return amiss


def check_last_night(paths: Paths) -> bool:
    """Print how the last whole run and the last pull of each dataset ended; True if the run failed
    or a pull did. A run of a part of the graph says nothing of the night."""
    # A dataset that is not pulled any more has a result that no night replaces.
    live = {name for name, dataset in load(registry_root()).datasets.items() if dataset.live}
    results = [r for name, r in load_pull_results(Archive(paths)).items() if name in live]
    failed = [r for r in results if r.state == "failed"]
    if results:
        last = max(result.moment for result in results)
        typer.echo(f"last pulls: {last}, {len(results)} datasets, {len(failed)} failed")
    else:
        typer.echo("last pulls: none yet")
    reasons: dict[str, list[str]] = {}
    for result in failed:
        reasons.setdefault(result.reason, []).append(result.name)
    for reason, names in reasons.items():
        _amiss(f"not pulled: {few(names)}: {reason}; the next run asks again")
    return _last_run_failed(paths) or bool(failed)


def _last_run_failed(paths: Paths) -> bool:
    if not paths.instance.is_dir():
        return False
    # A second, which `doctor` alone pays.
    from assets.ended import last_whole_run

    with instance_of(paths) as instance:
        last = last_whole_run(instance, paths)
    if last is None:
        return False
    typer.echo(f"last run: {last[0]}, {last[1]}")
    if last[1] != "failed":
        return False
    return _amiss("the last run published nothing: its log is in the UI (make ui); run again")


def check_buckets(paths: Paths) -> bool:
    """Print how the buckets stand, where some are configured; True if one cannot be read, or does not
    hold what is here."""
    amiss = False
    for variable, look in ((release_bucket.TO, _copy), (mirror.TO, _mirror)):
        url = os.environ.get(variable)
        if not url:
            continue
        try:
            amiss |= within(url, _BUCKET_SECONDS, partial(look, paths))
        except BucketError as error:
            amiss = _amiss(str(error))
    return amiss


def _copy(paths: Paths, bucket: Bucket) -> bool:
    found = release_bucket.standing_in(bucket)
    typer.echo(f"in {bucket.address}: {found.get('release', 'no release yet')}")
    current = current_of(paths.marts)
    if current is None or found.get("release") == current:
        return False
    return _amiss(f"{bucket.address}: its current release is not {current}; the next run copies it")


def _mirror(paths: Paths, bucket: Bucket) -> bool:
    last, missing = mirror.not_mirrored(bucket, paths.raw)
    state = f"snapshot {last.number} of {last.made}" if last else "no snapshot yet"
    typer.echo(f"mirror {bucket.address}: {state}")
    if not missing:
        return False
    return _amiss(
        f"mirror {bucket.address}: {missing[0]} is not in it"
        + (f", nor are {len(missing) - 1} more" if len(missing) > 1 else "")
        + "; `missiemonitor archive` and the next run add them"
    )


def send_test_alert() -> bool:
    """Send a test message; True if an address did not take it, or there is none."""
    try:
        urls = addresses()
    except ValueError as error:
        raise UserError(str(error)) from error
    if not urls:
        typer.echo(f"! alerts: no address; set {URLS} or {FILE}", err=True)
        return True
    problems = send(
        Alert("Missiemonitor: a test", "This is a test; nothing is the matter.", False), urls
    )
    for line in problems:
        typer.echo(f"! {line}", err=True)
    typer.echo(f"alerts: {len(urls) - len(problems)} of {len(urls)} addresses took the message")
    return bool(problems)


def recall_live_keys() -> bool:
    """Print what is known of each live key without asking its publisher; True if an archive of the
    publisher's codes says that one is wrong."""
    found = recall_keys(load(registry_root()), today())
    wrong = [f for f in found if f.state == "wrong"]
    unseen = [f for f in found if f.state == "unknown" and not f.verified]
    typer.echo(f"live keys: {len(found)} datasets, {len(wrong)} wrong, {len(unseen)} not seen yet")
    for finding in found:
        for line in finding.lines:
            if finding.state == "wrong":
                _amiss(f"{finding.name}: {line}")
            else:
                typer.echo(f"  {finding.name}: {line}")
    return bool(wrong)


def check_live_keys(paths: Paths, sources: Sequence[str]) -> bool:
    """Print what is wrong with the live keys; True if something is, or could not be checked."""
    transport = Transport(ledger=Archive(paths).ledger)
    try:
        puller = Puller(paths, load(registry_root()), today(), os.environ, transport)
        names = puller.names(sources)
        if not names:
            raise UserError(f"--source {' '.join(sources)}: nothing is pulled under that name")
        found = check_keys(puller, names)
    finally:
        transport.close()
    for finding in found:
        for line in finding.words():
            typer.echo(line, err=finding.state != "right")
    wrong = [f for f in found if f.state == "wrong"]
    unknown = [f for f in found if f.state == "unknown"]
    typer.echo(f"live keys: {len(found)} datasets, {len(wrong)} wrong, {len(unknown)} not checked")
    return bool(wrong or unknown)
