"""A cache folder for every test, and tiny sets in the formats of the collections."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HETGRAPH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def tiny_hgb(tmp_path: Path) -> Callable[..., Path]:
    """Factory of an HGB folder: 3 movies, 2 actors, 1 keyword; a file can be replaced."""

    def build(changes: Mapping[str, str | None] | None = None) -> Path:
        nodes = [
            "0\tAlpha, the first\t0\t0.0,1.5,0.0,-2e-1,0.0,0.0,0.0,0.0,0.0",
            "1\t\t0\t0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0",
            "2\tÜber 'quoted\t0\t1.0,0.0,0,0.00,0.0,0.0,0.0,0.0,3.25",
            "3\tJo\t1\t1,0",
            "4\tFlo\t1\t0,7",
            "5\tnight\t2",
        ]
        links = ["0\t3\t0\t1.0", "0\t4\t0\t1.0", "2\t4\t0\t1.0", "3\t0\t1\t1.0", "4\t0\t1\t1.0"]
        links += ["4\t2\t1\t1.0", "0\t5\t2\t1.0", "1\t5\t2\t1.0"]
        info = {
            "node.dat": {"node type": {"0": "Movie", "1": "actor", "2": "keyword"}},
            "link.dat": {"link type": {"0": {"start": 0, "end": 1, "meaning": "movie->actor"}}},
            "label.dat": {"node type": {"0": {"0": "Drama", "1": "Comedy"}}},
        }
        files: dict[str, str | None] = {
            "node.dat": "\n".join(nodes) + "\n",
            "link.dat": "\n".join(links) + "\n",
            "info.dat": json.dumps(info),
            "label.dat": "0\tAlpha\t0\t1\n",
            "label.dat.test": "2\t\t0\t0\n",
        }
        folder = tmp_path / "tiny"
        folder.mkdir(exist_ok=True)
        for name, text in {**files, **(changes or {})}.items():
            if text is None:
                (folder / name).unlink(missing_ok=True)
            else:
                (folder / name).write_bytes(text.encode())
        return folder

    return build
