"""The Dagster project: which assets there are, what their bodies do, when they run."""
