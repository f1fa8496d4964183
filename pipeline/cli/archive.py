"""`missiemonitor archive`: the vintages into a mirror in a bucket, and back."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.common import UserError
from pipeline.clock import now
from pipeline.paths import Paths


def archive(
    mirror: Annotated[
        str,
        typer.Option(
            "--mirror",
            envvar="MISSIEMONITOR_MIRROR_TO",
            help="Address of the mirror: s3://…, gs://…, az://… or file:///….",
        ),
    ] = "",
    restore: Annotated[
        str, typer.Option("--restore", help="Bring back what is missing here from this mirror.")
    ] = "",
    snapshot: Annotated[
        int | None,
        typer.Option(
            "--snapshot", help="With --restore: the one with this number, not the newest."
        ),
    ] = None,
    as_here: Annotated[
        bool,
        typer.Option(
            "--as-here",
            help="What is gone here, or another than was mirrored, is meant to be so.",
        ),
    ] = False,
) -> None:
    """Add the vintages to a mirror in a bucket, or rebuild data/raw from one. Nothing in a mirror is
    written over or removed; whatever lies there or comes back is checked by its sha256.

    \b
    Examples:
      missiemonitor archive --mirror s3://bucket/vintages
      missiemonitor archive --restore s3://bucket/vintages
    """
    # Not at the top: help and completion need none of it.
    from pipeline.bucket import within
    from pipeline.vintages import mirror as mirrors

    raw = Paths.from_environment().raw
    if restore:
        if as_here:
            raise UserError("--as-here goes with --mirror: nothing that is here is written over")
        found, missing = within(
            restore, mirrors.BY_HAND_SECONDS, lambda b: mirrors.restore(b, raw, snapshot)
        )
        count = len(found.files)
        typer.echo(
            f"{raw} is as in snapshot {found.number} of {found.made}: {count} files, {missing} of "
            "them brought back"
        )
        return
    if snapshot is not None:
        raise UserError("--snapshot goes with --restore")
    if not mirror:
        raise UserError(f"name a mirror: --mirror URL, or {mirrors.TO} in the environment")
    done = within(
        mirror,
        mirrors.BY_HAND_SECONDS,
        lambda b: mirrors.mirror(b, raw, now(), thorough=True, changed=as_here),
    )
    state = "is new" if done.new else "holds all there is"
    typer.echo(
        f"snapshot {done.snapshot.number} of {done.snapshot.made} {state}: "
        f"{len(done.snapshot.files)} files, {done.written} new objects"
    )
