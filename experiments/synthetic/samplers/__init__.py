"""Sampler families at equal network calls: their settings, cells, comparison and figures."""
