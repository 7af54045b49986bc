"""LucidDream's looks with the paper's own network, numbers and optimiser."""
