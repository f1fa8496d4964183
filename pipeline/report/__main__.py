"""The step of installation that prepares the page: see `prepared`."""

from pipeline.report import charts, prepared

prepared.install([charts.prepared()])
