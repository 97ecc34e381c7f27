"""Meta-paths as relations: estimated first, then built block by block within a budget."""

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

    Rows are the nodes of the type the path ends at, columns those it starts at, so the result
    times features of the start type aggregates them along the path.

    Weightings, all but the first with float32 values (float64 if a relation on the path has such
    weights):

    - ``"binary"``: which nodes are joined by at least one path instance; no weights.
    - ``"count"``: number of path instances. Parallel edges count apart; where relations have
      weights, an instance counts the product of its edges' weights.
    - ``"pathsim"``: 2 c_ij / (c_ii + c_jj) of the counts c, for paths of the form ``a + ~a``
      (Sun et al., "PathSim", PVLDB 4 (2011) 992-1003).
    - ``"row"``: the product of the row-normalised relations, that is the probability that a random
      walk from the row's node, back along the path, arrives at the column's node.

    Sizes are estimated first (:mod:`hetgraph.metapaths.estimate`), and the products
    are computed in the estimated cheapest order, by blocks of rows. Memory beyond the budget is at
    most a few MiB a thread, besides the transposes that the graph's relations cache.

    Args:
        graph: The graph.
        path: A meta-path or its text.
        weighting: What the values are.
        keep_self_loops: Whether a node may be joined to itself. ``False`` removes the diagonal of
            a path that ends at the type it starts at; the other values stay as they are.
        memory_budget: Bytes, or a text such as ``"2GiB"``, for the result and all intermediate
            products at the worst moment.
        cache_dir: Folder to keep results in, by the graph's content hash; default the environment
            variable ``HETGRAPH_CACHE``, without which nothing is kept.

    Raises:
        MetaPathError: If the path or the weighting does not fit.
        BudgetError: If more memory is needed, naming the estimate and the ways out.
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
    """Builds several meta-paths at once; what they have in common is computed once.

    See :func:`compose`. The budget holds for all results and intermediate products together.

    Returns:
        One relation for each path.
    """
    budget = parse_bytes(memory_budget)
    bound = [bind_path(graph, path) for path in paths]
    for path in bound:
        check_weighting(weighting, path)
    cache = CompositionCache(graph, weighting, keep_self_loops, cache_dir)
    found = {path: relation for path in bound if (relation := cache.load(path)) is not None}
    missing = tuple(dict.fromkeys(path for path in bound if path not in found))
    if missing:
        composition = Composition.plan(graph, missing, weighting, budget, rough=True)
        built = composition.run(keep_self_loops=keep_self_loops, budget=budget)
        for path, relation in zip(missing, built, strict=True):
            cache.save(path, relation)
            found[path] = relation
    return [found[path].to(graph.device) for path in bound]
