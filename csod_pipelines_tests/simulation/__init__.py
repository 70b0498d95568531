"""The whole engine under one seed: real store, real adapters, both vendors in one process, time and order of events drawn from the seed."""
