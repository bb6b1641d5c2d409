"""How does SQLite behave like a database for several writers? A Django backend: `"ENGINE": "registry.sqlite"`."""
