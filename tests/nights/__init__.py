"""Simulated nights: a few datasets of every publisher, a bench that errs at random, and what must hold
after each. `python -m tests.nights --nights 500 --seed 11`.
"""
