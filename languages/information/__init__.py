"""What positions tell about each other: entropies, information and conflict curves."""
