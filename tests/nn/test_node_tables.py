"""Parameters with one row per node are found, wherever they are in a network."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from hetgraph.nn.node_tables import node_tables


class Rows(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(5, 2))

    def node_rows(self) -> Mapping[str, tuple[str, ...]]:
        return {"weight": ("user", "item")}


def test_names_are_those_of_the_whole_network() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Sequential(Rows()))
    assert node_tables(network) == {"1.0.weight": ("user", "item")}
    assert set(node_tables(network)) <= set(network.state_dict())
    assert node_tables(Rows()) == {"weight": ("user", "item")}
    assert node_tables(nn.Linear(2, 2)) == {}
