"""The code location for more than one machine: the same assets, each step done by a Celery worker.

Two queues: `pull`, what asks publishers, and `compute`, all else. The folder of data is shared by all.
"""

import dagster as dg
from dagster_celery import celery_executor

from assets.definitions import assembled
from assets.lost import report_lost_runs
from assets.resources import RunSettingsOfWorkers
from assets.sensors import reporting

# Celery's own variables, which its workers read too: one place for the address, with its password.
on_workers = celery_executor.configured(
    {
        "broker": {"env": "CELERY_BROKER_URL"},
        "backend": {"env": "CELERY_RESULT_BACKEND"},
        "config_source": {"task_default_queue": "compute"},
    },
    name="celery",
)


lost_runs = reporting(
    "report_lost_runs",
    "Records runs that no worker is at any more as failed: they would wait for ever.",
    report_lost_runs,
)


@dg.definitions
def defs() -> dg.Definitions:
    """As assets.definitions, over workers."""
    return assembled(on_workers, RunSettingsOfWorkers, [lost_runs])
