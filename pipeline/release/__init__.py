"""Releases: written, swapped in, read back, compared. What is on the page belongs in report/."""
