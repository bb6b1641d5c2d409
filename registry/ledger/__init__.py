"""What happened, in which order, and how is it proved? The append-only ledger, written by this package alone."""
