"""Which sections does the room of decisions add to a dossier?"""
