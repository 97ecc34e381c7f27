from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from hetgraph import load_dataset
from hetgraph.errors import FileFormatError

geometric = pytest.importorskip("torch_geometric.data")


@pytest.fixture
def data() -> Any:
    data = geometric.HeteroData()
    data["paper"].x = torch.arange(12.0).view(6, 2)
    data["paper"].y = torch.tensor([0, 1, 2, 0, 1, 2])
    data["paper"].ids = [f"p{i}" for i in range(6)]
    data["author"].num_nodes = 4
    data["author", "writes", "paper"].edge_index = torch.tensor([[3, 0, 3], [2, 1, 2]])
    return data


@pytest.mark.parametrize("form", ["object", "dict", "tuple"])
def test_a_saved_file_becomes_a_data_set(tmp_path: Path, data: Any, form: str) -> None:
    content = {"object": data, "dict": data.to_dict(), "tuple": (data.to_dict(), None)}[form]
    torch.save(content, tmp_path / "mine.pt")
    dataset = load_dataset(f"pyg:{tmp_path / 'mine.pt'}", cache=False)
    assert dataset.graph.num_nodes == {"paper": 6, "author": 4}
    assert dataset.graph.ids["paper"][2].as_py() == "p2"
    assert dataset.labels is not None
    assert dataset.labels.num_classes == 3


def test_a_processed_folder_is_found(tmp_path: Path, data: Any) -> None:
    (tmp_path / "processed").mkdir()
    torch.save((data.to_dict(), None, geometric.HeteroData), tmp_path / "processed" / "data.pt")
    assert load_dataset(f"pyg:{tmp_path}", cache=False).graph.num_edges == 3
    with pytest.raises(FileFormatError, match=r"has no data\.pt"):
        load_dataset(f"pyg:{tmp_path / 'processed' / '..' / '..'}", cache=False)


class Evil:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder / "owned"),)


def test_code_in_a_file_is_refused_with_a_way_out(tmp_path: Path, data: Any) -> None:
    data["paper"].extra = Evil(tmp_path)
    torch.save(data, tmp_path / "evil.pt")
    with pytest.raises(
        FileFormatError, match=r"could run code.*save_tables.*tables:folder"
    ) as caught:
        load_dataset(f"pyg:{tmp_path / 'evil.pt'}", cache=False)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("content", [b"", b"nonsense", None])
def test_a_damaged_file_is_one_clear_line(tmp_path: Path, data: Any, content: bytes | None) -> None:
    path = tmp_path / "a.pt"
    torch.save(data, path)
    path.write_bytes(path.read_bytes()[:-500] if content is None else content)
    with pytest.raises(FileFormatError, match="truncated or was not written by") as caught:
        load_dataset(f"pyg:{path}", cache=False)
    assert "\n" not in str(caught.value)


def test_another_object_is_named(tmp_path: Path) -> None:
    torch.save(torch.ones(2), tmp_path / "a.pt")
    with pytest.raises(FileFormatError, match="holds a Tensor; expected a HeteroData"):
        load_dataset(f"pyg:{tmp_path / 'a.pt'}", cache=False)
