"""Both vendors as real HTTP servers with fault knobs: for the demo, the tests, and training operators.

Shares no code with the clients it tests: nothing here imports model, sync, engine, store or systems.
"""
