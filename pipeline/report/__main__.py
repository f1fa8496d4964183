"""The step of installation that prepares the page: see `prepared`."""

from pipeline.report import charts, compiled, prepared

prepared.install([charts.prepared(), compiled.prepared()])
