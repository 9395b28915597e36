"""What a trained network adds: its cells, measures, report and figures."""
