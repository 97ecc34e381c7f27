from __future__ import annotations

from pathlib import Path

import pytest

from hetgraph.catalog.loading import dataset_info, dataset_names
from hetgraph.catalog.manifest import read_manifests
from hetgraph.errors import FileFormatError

GOOD = """
collection: demo
licence: free
sources:
  home: ["https://example.org/{path}", "https://mirror.example.org/{path}"]
sets:
  One:
    files:
      a.txt: {bytes: 3, sha256: DIGEST, source: home, path: x/a.txt}
    statistics: {nodes: {paper: 3}}
  Two: {licence: none}
""".replace("DIGEST", "a" * 64)


def read(tmp_path: Path, text: str) -> dict[str, object]:
    path = tmp_path / "demo.yaml"
    path.write_text(text)
    return dict(read_manifests(path))


def test_shared_fields_and_address_templates(tmp_path: Path) -> None:
    path = tmp_path / "demo.yaml"
    path.write_text(GOOD)
    one, two = read_manifests(path).values()
    assert one.full_name == "demo/One"
    assert one.files[0].urls == (
        "https://example.org/x/a.txt",
        "https://mirror.example.org/x/a.txt",
    )
    assert (one.licence, two.licence) == ("free", "none")
    assert (one.total_bytes, two.total_bytes) == (3, 0)


def test_a_file_of_another_set_lies_in_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "demo.yaml"
    path.write_text(GOOD.replace("path: x/a.txt", "path: x/a.txt, owner: other/Two"))
    (entry,) = read_manifests(path)["One"].files
    assert entry.path(tmp_path / "demo" / "One") == tmp_path / "other" / "Two" / "a.txt"
    path.write_text(GOOD)
    (entry,) = read_manifests(path)["One"].files
    assert entry.path(tmp_path / "demo" / "One") == tmp_path / "demo" / "One" / "a.txt"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("a" * 64, "b" * 63, r"sets.One.files.a.txt: sha256 is 'b+', expected 64 hexadecimal"),
        ("source: home", "source: hom", r"not among the sources. Did you mean 'home'\?"),
        ("bytes: 3", "bytes: x", r"sets.One.files.a.txt.bytes is 'x', expected a whole number\."),
        ("path: x/a.txt", "pth: x", r"unknown key 'sets.One.files.a.txt.pth'. Did you mean 'path'"),
        (", path: x/a.txt", "", r"the key 'sets.One.files.a.txt.path' is missing\."),
        ("statistics:", "statistic:", r"unknown key 'sets.One.statistic'. Did you mean 'statist"),
        ("sets:", "set:", r"unknown key 'set'. Did you mean 'sets'\?"),
        ("collection: demo", "", r"the key 'collection' is missing"),
        ("Two: {licence: none}", "Two: {licence: 3}", "sets.Two.licence is 3, expected text or"),
        ("collection: demo", "collection: [", "cannot be read as YAML"),
    ],
)
def test_mistakes_name_the_file(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(FileFormatError, match=message) as caught:
        read(tmp_path, GOOD.replace(old, new))
    assert str(caught.value).startswith(f"{tmp_path / 'demo.yaml'}")
    assert "\n" not in str(caught.value)


def test_an_empty_file_is_told_what_it_must_hold(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"demo.yaml must hold keys such as collection and"):
        read(tmp_path, "")


@pytest.mark.parametrize("name", dataset_names())
def test_every_set_is_fully_declared(name: str) -> None:
    manifest = dataset_info(name)
    assert manifest.full_name == name
    assert manifest.description
    assert manifest.licence
    assert manifest.task
    if name.startswith("synthetic/"):
        assert not manifest.files
        return
    assert manifest.citation
    assert manifest.statistics["nodes"]
    assert manifest.statistics.keys() & {"edges", "num_edges"}
    assert manifest.files
    for entry in manifest.files:
        assert entry.bytes > 0
        assert len(set(entry.urls)) >= 2  # More than one host.
        assert all(url.startswith("https://") and "main" not in url for url in entry.urls)


def test_digests_are_those_of_the_files(data_root: Path) -> None:
    listed = data_root / "SHA256SUMS"
    if not listed.is_file():
        pytest.skip("the data folder has no SHA256SUMS")
    lines = (line.split(maxsplit=1) for line in listed.read_text().splitlines())
    digests = {path: digest for digest, path in lines}
    for name in dataset_names():
        for entry in dataset_info(name).files:
            assert digests[f"{entry.owner or name}/{entry.name}"] == entry.sha256
            assert entry.path(data_root / name).stat().st_size == entry.bytes
