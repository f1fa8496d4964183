"""One asset a dataset: fetch → store → parse → validate → the vintage in use."""

import dagster as dg

from assets.checks import dataset_checks, pulled_result, vintage_result
from assets.resources import RunSettings
from pipeline.registry import Dataset, Registry
from pipeline.vintages.pull import Puller
from pipeline.vintages.resolve import DatasetState, resolve
from pipeline.vintages.validate import Validator, rules_of
from pipeline.warehouse.build import Warehouse

# A disk that is full or a share that is away may be well again in a moment. No retry policy of the
# asset: with one Dagster tries a step again that somebody has stopped.
_RETRIES, _WAIT_SECONDS = 2, 5.0


def dataset_key(name: str) -> dg.AssetKey:
    """The asset of a dataset `source/name`."""
    return dg.AssetKey(["raw", *name.replace(".", "_").split("/")])


def dataset_asset(dataset: Dataset, registry: Registry) -> dg.AssetsDefinition:
    """A dataset: its newest figures, the verdicts on its vintages, and the vintage in use.

    It never fails for a bad source: that would skip every table.
    """
    key = dataset_key(dataset.id)

    @dg.asset(
        key=key,
        group_name=dataset.source,
        kinds={dataset.source, "parquet"},
        description=f"{dataset.title}. {dataset.publisher}, {dataset.code or dataset.dataset}. "
        f"{dataset.licence}.",
        metadata={
            "publisher": dataset.publisher,
            # The page for people; what is asked of the interface stands in each vintage's manifest.
            **(
                {"landing_url": dg.MetadataValue.url(dataset.landing_url)}
                if dataset.landing_url
                else {}
            ),
        },
        check_specs=dataset_checks(dataset, key),
        # Heard where workers do the steps (celery_definitions.py).
        op_tags={"dagster-celery/queue": "pull"} if dataset.live else {},
    )
    def vintages(
        context: dg.AssetExecutionContext,
        run: RunSettings,
        puller: dg.ResourceParam[Puller],
        validator: dg.ResourceParam[Validator],
        warehouse: dg.ResourceParam[Warehouse],
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]
        try:
            pulled = puller.pull(dataset, run.run_id) if run.pulls(dataset) else None
            known = validator.archive.vintages(dataset.source, dataset.dataset, run.reference)
            state = resolve(dataset, known, rules_of(registry, dataset), validator)
            warehouse.put_vintages(dataset.id, state.table(), state.checks, run.reference)
        except OSError as error:
            raise dg.RetryRequested(_RETRIES, _WAIT_SECONDS) from error
        if pulled is not None:
            context.log.info(f"pulled {dataset.id}: {pulled.state} {pulled.reason}".rstrip())
        if pulled is not None and not pulled.good:
            # Seen in the list of runs: it publishes without this source's newest figures.
            context.instance.add_run_tags(context.run_id, {"missiemonitor/not_pulled": "yes"})
        context.log.info(
            f"{len(known)} vintages, {state.vintage_id} in use. {state.pending}".rstrip()
        )
        age = None
        if state.current is not None:
            age = (run.reference - state.current.known_from).days
        results = [vintage_result(state.checks, dataset, age)]
        if dataset.live:
            results.append(pulled_result(pulled))
        return dg.MaterializeResult(
            data_version=dg.DataVersion(state.vintage_id),
            metadata=_describe(state, run),
            check_results=results,
        )

    return vintages


def _describe(state: DatasetState, run: RunSettings) -> dict[str, dg.MetadataValue]:
    found: dict[str, dg.MetadataValue] = {
        "vintage": dg.MetadataValue.text(state.vintage_id),
        "vintages": dg.MetadataValue.int(len(state.vintages)),
    }
    if state.current is not None:
        found["known_from"] = dg.MetadataValue.text(state.current.known_from.isoformat())
        found["age_days"] = dg.MetadataValue.int((run.reference - state.current.known_from).days)
        found["origin"] = dg.MetadataValue.text(str(state.current.manifest.get("origin")))
    if state.pending:
        found["quarantined"] = dg.MetadataValue.text(state.pending)
    if state.observations is not None and state.rejects is not None:
        found["dagster/row_count"] = dg.MetadataValue.int(state.observations)
        found["rejected_rows"] = dg.MetadataValue.int(state.rejects)
    return found
