"""Meta-paths composed to relations: size estimated first, then built in blocks in a budget."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hetgraph.data.relation import Relation
from hetgraph.metapaths.cache import CompositionCache
from hetgraph.metapaths.chain import Weighting, bind_path, check_weighting
from hetgraph.metapaths.composition import Composition
from hetgraph.metapaths.metapath import MetaPath
from hetgraph.metapaths.sizes import parse_bytes

if TYPE_CHECKING:
    from hetgraph.data.graph import HeteroGraph

__all__ = ["compose", "compose_many"]

DEFAULT_BUDGET = "2GiB"


def compose(
    graph: HeteroGraph,
    path: MetaPath | str,
    *,
    weighting: Weighting = "binary",
    keep_self_loops: bool = True,
    memory_budget: int | str = DEFAULT_BUDGET,
    cache_dir: str | Path | None = None,
) -> Relation:
    """Builds the relation between the two ends of a meta-path.

    Rows are nodes of the type at which the path ends, columns nodes of its start type, so the
    result times features of the start type aggregates them along the path.

    Weightings; all but the first have float32 values (float64 if a relation on the path does):

    - ``"binary"``: whether two nodes are connected by a path instance; no weights.
    - ``"count"``: number of path instances, with parallel edges counted separately. An instance on
      weighted relations counts as the product of its edge weights.
    - ``"pathsim"``: 2 c_ij / (c_ii + c_jj) of the counts c, for paths of the form ``a + ~a``
      (Sun et al., "PathSim", PVLDB 4 (2011) 992-1003).
    - ``"row"``: the product of the row-normalised relations: the probability that a random walk
      from the row's node, backwards along the path, ends at the column's node.

    Sizes are estimated first (:mod:`hetgraph.metapaths.estimate`); the products are then computed
    in the order that is estimated to be cheapest, in blocks of rows. Memory beyond the budget is a
    few MiB per thread at most, plus the transposes that the relations of the graph cache.

    Args:
        graph: The graph.
        path: A meta-path or its text.
        weighting: Meaning of the values.
        keep_self_loops: Whether to keep the diagonal of a path that ends at its start type. The
            other values do not depend on it.
        memory_budget: Peak memory of the result and all intermediate products, in bytes or as a
            text such as ``"2GiB"``.
        cache_dir: Folder for results, keyed by the graph's content hash; default: the environment
            variable ``HETGRAPH_CACHE``, without which nothing is cached.

    Raises:
        MetaPathError: If the path or the weighting does not match.
        DataError: If a weight is negative and ``weighting`` is ``"row"``.
        BudgetError: If more memory is needed; names the estimate and the alternatives.

    Example:
        >>> import torch
        >>> from hetgraph.data import HeteroGraph
        >>> writes = Relation.from_edges(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), 2, 2)
        >>> graph = HeteroGraph(
        ...     num_nodes={"author": 2, "paper": 2},
        ...     relations={("author", "writes", "paper"): writes},
        ... )
        >>> compose(graph, "author-paper-author", weighting="count").to_dense()
        tensor([[1., 1.],
                [1., 2.]])
    """
    return compose_many(
        graph,
        [path],
        weighting=weighting,
        keep_self_loops=keep_self_loops,
        memory_budget=memory_budget,
        cache_dir=cache_dir,
    )[0]


def compose_many(
    graph: HeteroGraph,
    paths: Sequence[MetaPath | str],
    *,
    weighting: Weighting = "binary",
    keep_self_loops: bool = True,
    memory_budget: int | str = DEFAULT_BUDGET,
    cache_dir: str | Path | None = None,
) -> list[Relation]:
    """Builds several meta-paths at once; common sub-products are computed once.

    See :func:`compose`. The budget covers all results and intermediate products together.

    Returns:
        One relation per path.

    Example:
        >>> import torch
        >>> from hetgraph.data import HeteroGraph
        >>> writes = Relation.from_edges(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), 2, 2)
        >>> graph = HeteroGraph(
        ...     num_nodes={"author": 2, "paper": 2},
        ...     relations={("author", "writes", "paper"): writes},
        ... )
        >>> compose_many(graph, ["author-paper", "author-paper-author"])
        [Relation(2 x 2, 3), Relation(2 x 2, 4)]
    """
    budget = parse_bytes(memory_budget)
    bound = [bind_path(graph, path) for path in paths]
    for path in bound:
        check_weighting(weighting, path)
    cache = CompositionCache(graph, weighting, keep_self_loops, cache_dir)
    composed = {path: relation for path in bound if (relation := cache.load(path)) is not None}
    missing = tuple(dict.fromkeys(path for path in bound if path not in composed))
    if missing:
        composition = Composition.plan(graph, missing, weighting, budget, rough=True)
        built = composition.run(keep_self_loops=keep_self_loops, budget=budget)
        for path, relation in zip(missing, built, strict=True):
            cache.save(path, relation)
            composed[path] = relation
    return [composed[path].to(graph.device) for path in bound]
