"""The nightly job as a function of a module, which Dagster asks for where it reloads a job."""

import dagster as dg

from assets.definitions import defs
from assets.jobs import NIGHTLY


def nightly_job() -> dg.JobDefinition:
    return defs().resolve_job_def(NIGHTLY)
