from hetgraph.errors import suggest


def test_suggest_prefers_a_close_name() -> None:
    assert suggest("dplb", ["dblp", "acm"]) == " Did you mean 'dblp'?"
    assert suggest("DBPL", ["DBLP", "ACM"]) == " Did you mean 'DBLP'?"
    assert suggest("zzz", ["dblp", "acm"]) == " Known: acm, dblp."
    assert suggest("x", []) == " None is known."
    assert (
        suggest("qqq", [f"n{i:02d}" for i in range(20)], limit=2) == " Known: n00, n01 and 18 more."
    )
