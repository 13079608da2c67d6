"""How fast and how right photocall is, side by side with what one would use instead. `python -m benchmarks.run`."""
