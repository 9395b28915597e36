"""TER and SER against the number of steps: its figure."""
