"""What is possible and how a chain moves: contexts of n-grams, supports, stationary laws."""
