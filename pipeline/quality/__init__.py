"""Expectations, judged by Great Expectations."""
