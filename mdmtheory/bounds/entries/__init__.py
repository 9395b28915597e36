"""One file an entry of the ledger, named by its id."""
