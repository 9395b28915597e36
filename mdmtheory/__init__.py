"""mdmtheory."""
