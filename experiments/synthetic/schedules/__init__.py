"""Families of schedules: what they are, their cells and figures."""
