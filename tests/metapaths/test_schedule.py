import dataclasses

from hetgraph.metapaths.plan import Node
from hetgraph.metapaths.schedule import EntryBytes, make_schedule, matrix_bytes

ENTRY = EntryBytes(work=8, result=4)


def leaf(name: int, at: int, nnz: float = 10.0) -> Node:
    return Node((at, at), ((name, True),), ((name, False),), (5, 5), nnz, shared=True)


def product(right: Node, left: Node, nnz: float = 20.0) -> Node:
    reverse = (left.reverse_key or ()) + (right.reverse_key or ())
    span = (right.span[0], left.span[1])
    return Node(span, right.key + left.key, reverse, (5, 5), nnz, 100.0, (right, left))


def mirrored(node: Node, shift: int) -> Node:
    """The transposed plan, further along the chain."""
    children = tuple(mirrored(child, shift) for child in reversed(node.children))
    span = (shift, shift + node.span[1] - node.span[0])
    return Node(span, node.reverse_key, node.key, node.shape, node.nnz, node.terms, children)


def kinds(schedule):
    return [
        (operation.kind, operation.node.span, operation.root) for operation in schedule.operations
    ]


def test_one_factor():
    assert kinds(make_schedule([leaf(1, 0)], ENTRY)) == [
        ("make", (0, 0), 0),
        ("finish", (0, 0), 0),
    ]


def test_a_product_streams_into_its_result():
    schedule = make_schedule([product(leaf(1, 0), leaf(2, 1))], ENTRY)
    assert kinds(schedule) == [("make", (0, 0), 0), ("make", (1, 1), 0), ("stream", (0, 1), 0)]
    assert set(schedule.operations[-1].free) == {((1, True),), ((2, True),)}
    assert schedule.terms == 100
    # Values of two factors (their indices are the graph's) and the result.
    assert schedule.peak == 2 * 10 * 8 + matrix_bytes(5, 20, 4)


def test_a_mirrored_half_is_made_once():
    half = product(leaf(1, 0), leaf(2, 1))
    schedule = make_schedule([product(half, mirrored(half, 2))], ENTRY)
    assert kinds(schedule) == [
        ("make", (0, 0), 0),
        ("make", (1, 1), 0),
        ("make", (0, 1), 0),
        ("stream", (0, 3), 0),
    ]
    assert schedule.terms == 200
    last = schedule.operations[-1]
    # The half and its transposed copy.
    assert last.others == 2 * matrix_bytes(5, 20, 8)
    assert last.free == (half.identity,)


def test_factors_are_freed_when_nothing_needs_them():
    half = product(leaf(1, 0), leaf(2, 1))
    schedule = make_schedule([product(half, leaf(3, 2))], ENTRY)
    freed = [set(operation.free) for operation in schedule.operations]
    assert kinds(schedule)[2] == ("make", (0, 1), 0)
    assert freed[2] == {((1, True),), ((2, True),)}


def test_shared_prefixes_are_made_once():
    prefix = product(leaf(1, 0), leaf(2, 1))
    roots = [prefix, product(prefix, leaf(3, 2)), product(prefix, leaf(4, 2))]
    schedule = make_schedule(roots, ENTRY)
    assert [operation.kind for operation in schedule.operations if operation.node == prefix] == [
        "make",
        "finish",
    ]
    assert [operation.root for operation in schedule.operations if operation.kind != "make"] == [
        0,
        1,
        2,
    ]
    assert schedule.terms == 300
    assert prefix.identity in schedule.operations[-1].free
    assert all(prefix.identity not in operation.free for operation in schedule.operations[:-1])


def test_a_result_asked_for_twice_or_backwards_is_computed_once():
    path = product(leaf(1, 0), leaf(2, 1))
    schedule = make_schedule([path, mirrored(path, 0), path], ENTRY)
    assert [operation.kind for operation in schedule.operations] == [
        "make",
        "make",
        "make",
        "finish",
        "finish",
        "finish",
    ]
    backwards = schedule.operations[4]
    assert backwards.others == 2 * matrix_bytes(5, 20, 8) + matrix_bytes(5, 20, 4)
    assert schedule.operations[-1].free == (path.identity,)


def test_results_stay_in_memory():
    roots = [product(leaf(1, 0), leaf(2, 1)), product(leaf(3, 0), leaf(4, 1))]
    schedule = make_schedule(roots, ENTRY)
    assert schedule.peak == 2 * matrix_bytes(5, 20, 4) + 2 * 10 * 8


def test_a_factor_with_parallel_edges_is_a_copy():
    own = dataclasses.replace(leaf(1, 0), shared=False)
    assert make_schedule([own], ENTRY).operations[0].peak == matrix_bytes(5, 10, 8)
    assert make_schedule([leaf(1, 0)], ENTRY).operations[0].peak == 10 * 8
