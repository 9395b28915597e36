"""Path against marginal law: its cells and figures."""
