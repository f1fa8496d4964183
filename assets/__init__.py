"""The graph: which assets there are and what stands upstream. The mechanism is in pipeline/."""
