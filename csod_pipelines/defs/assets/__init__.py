"""What the two systems hold and what keeps it in step, one file a group, in the vendors' words.

Every asset that writes is skippable: with ``mode: plan`` it leaves an observation and no materialization. Each is one op
whose name differs from the asset's (a job and an op may not share a name), and whose body only calls the engine.
"""

OWNERS = ["team:learning-operations"]

#: Which job runs an asset; jobs select by it, so that a prefix of the asset keys changes nothing.
JOB_TAG = "csod/job"
