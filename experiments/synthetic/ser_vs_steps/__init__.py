"""SER against the number of steps: its cells and figures."""
