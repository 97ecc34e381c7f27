"""A package of somebody else: what hetgraph can be extended by, without a change to it.

A method of its own and an encoder, a family of tasks and the kind of target it is made from, two
meta-paths and a command.
"""
