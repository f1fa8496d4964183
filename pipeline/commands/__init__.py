"""One file for each command of `missiemonitor`; cli.py puts them together."""
