"""The paper's table under three laws: its cells, fits, answers and figures."""
