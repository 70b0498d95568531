"""What is measured, beside what it is held against, in one run: `make bench`, `make bench ONLY=import`, `make bench FULL=1`."""
