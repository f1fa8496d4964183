"""Missiemonitor's mechanism: it knows no single indicator by name."""
