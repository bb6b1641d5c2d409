"""Who can sign a dossier? One file per place where a key lives; others register by entry point."""
