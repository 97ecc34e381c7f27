"""Settings refuse what cannot be."""

from __future__ import annotations

import pytest

from hetgraph.errors import ConfigError
from hetgraph.models.rphgnn import RpHGNNConfig


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"iterations": 0}, "iterations is 0, expected 1 or more"),
        ({"input_dropout": 1.0}, "input_dropout is 1.0, expected a probability"),
        ({"dropout": -0.1}, "dropout is -0.1"),
        ({"squash": "project_norm_some"}, "Did you mean 'project_norm_sum'"),
        ({"merge": "cat"}, "merge is 'cat'"),
        ({"target_dim": 0}, "target_dim is 0"),
        ({"sparsity": 0.5}, "sparsity is 0.5"),
        ({"even_odd": "even", "inner_hops": 1}, "needs inner_hops of 2"),
        ({"memory_map_gib": -1.0}, "memory_map_gib is -1.0"),
    ],
)
def test_mistakes_are_named(options, message):
    with pytest.raises(ConfigError, match=message.replace("(", r"\(")):
        RpHGNNConfig(**options)


def test_odd_messages_run_twice_as_many_rounds():
    assert RpHGNNConfig(iterations=3).rounds == 3
    assert RpHGNNConfig(iterations=3, even_odd="odd").rounds == 6
    assert RpHGNNConfig(even_odd="odd", inner_hops=4).hops == (1, 3)
