from __future__ import annotations

from importlib.util import find_spec

import pytest

import hetgraph


@pytest.mark.parametrize("name", hetgraph.__all__)
def test_public_names_exist_and_no_module_hides_them(name: str) -> None:
    assert getattr(hetgraph, name) is not None
    # Importing a submodule sets it as attribute of the package, in place of the lazy name.
    assert name == "__version__" or find_spec(f"hetgraph.{name}") is None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'HeteroGrap'"):
        _ = hetgraph.HeteroGrap
