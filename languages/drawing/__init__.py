"""Drawings of graphs of states that a person can read; they know nothing of languages or automata."""
