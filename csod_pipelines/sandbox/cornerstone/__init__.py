"""The Cornerstone OnDemand sandbox: a portal that answers, refuses and forgets as the real one is documented to."""
