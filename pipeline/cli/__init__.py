"""One file for each command of `missiemonitor`; main.py puts them together."""
