"""The main job on real data: what `make demo` walks through and `make serve` shows."""
