"""The house as running processes: what `up`, `demo` and `exec` start, find, watch and stop."""
