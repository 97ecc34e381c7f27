"""A package of somebody else: one model and two meta-paths for hetgraph."""
