"""What does each side do in a repetition? One file a subject, ours and the peers beside each other."""
