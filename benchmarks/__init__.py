"""Scripts that print the README's tables: `python -m benchmarks.NAME`. Need the extra bench."""
