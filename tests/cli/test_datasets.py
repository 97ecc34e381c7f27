from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hetgraph.catalog.loading import dataset_info, dataset_names


def test_list_has_every_set_and_whether_it_is_here(hetgraph: Callable, tmp_path: Path) -> None:
    manifest = dataset_info("hgb/ACM")
    (entry,) = manifest.files
    folder = tmp_path / "data/hgb/ACM"
    folder.mkdir(parents=True)
    with (folder / entry.name).open("wb") as file:
        file.truncate(entry.bytes)
    code, out, _ = hetgraph("datasets")
    assert code == 0
    rows = {line.split("│")[1].strip(): line for line in out.splitlines() if line.startswith("│")}
    assert rows.keys() == set(dataset_names())
    assert "present" in rows["hgb/ACM"]
    assert "10,942" in rows["hgb/ACM"]
    assert "547,872" in rows["hgb/ACM"]
    assert "missing" in rows["hgb/DBLP"]
    assert "generated" in rows["synthetic/academic"]
    assert str(tmp_path / "data") in out


def test_info_shows_graph_licence_and_citation(hetgraph: Callable) -> None:
    code, out, _ = hetgraph("datasets", "info", "synthetic/academic")
    assert code == 0
    assert "author -writes> paper" in out
    assert "author-paper-venue-paper-author" in out
    assert "licence" in out


def test_info_of_a_set_that_is_not_here_tells_how_to_get_it(hetgraph: Callable) -> None:
    code, out, _ = hetgraph("datasets", "info", "hgb/DBLP")
    assert code == 0
    assert "missing" in out
    assert "hetgraph datasets fetch hgb/DBLP" in out
    assert "KDD 2021" in out


def test_root_counts_before_and_after_the_action(hetgraph: Callable, tmp_path: Path) -> None:
    root = str(tmp_path / "elsewhere")
    assert root in hetgraph("datasets", "--root", root, "info", "hgb/DBLP").out
    assert root in hetgraph("datasets", "info", "hgb/DBLP", "--root", root).out


def test_fetch_of_a_generated_set_needs_nothing(hetgraph: Callable) -> None:
    code, out, _ = hetgraph("datasets", "fetch", "synthetic/academic")
    assert (code, out) == (0, "synthetic/academic: generated, nothing to fetch\n")


def test_fetch_verifies_what_is_here(hetgraph: Callable, data_root: Path) -> None:
    code, out, _ = hetgraph("datasets", "fetch", "hgb/ACM", "--root", str(data_root))
    assert (code, out) == (0, f"hgb/ACM: verified in {data_root / 'hgb/ACM'}\n")


def test_a_misspelt_set_is_suggested(hetgraph: Callable) -> None:
    for action in ("info", "fetch"):
        code, out, err = hetgraph("datasets", action, "hgb/DBPL")
        assert (code, out) == (2, "")
        assert err == "hetgraph: error: unknown data set 'hgb/DBPL'. Did you mean 'hgb/DBLP'?\n"


def test_make_writes_a_shop_and_tells_how_to_use_it(hetgraph: Callable, tmp_path: Path) -> None:
    size = ("--users", "60", "--items", "20")
    code, out, _ = hetgraph("datasets", "make", "shop", "mine", *size, "--seed", "4", "--clean")
    assert (code, out) == (0, "mine: written; use it as tables:mine\n")
    code, out, _ = hetgraph("datasets", "make", "shop", "base", *size, "--as", "sqlite")
    assert (code, out) == (0, "base: written; use it as sqlite:base/shop.db\n")


def test_make_refuses_a_folder_with_files_and_wrong_words(hetgraph: Callable) -> None:
    Path("full").mkdir()
    (Path("full") / "mine.txt").write_text("keep")
    code, _, err = hetgraph("datasets", "make", "shop", "full")
    assert code == 2
    assert "it is not empty" in err
    assert [path.name for path in Path("full").iterdir()] == ["mine.txt"]
    for words, message in (
        (("shpo", "new"), "Did you mean 'shop'?"),
        (("shop", "new", "--users", "1"), "users is 1, expected a whole number from 20 on"),
        (("shop", "new", "--as", "sqlit"), "Did you mean 'sqlite'?"),
        (("shop", "new", "--users", "x"), "invalid int value"),
    ):
        code, _, err = hetgraph("datasets", "make", *words)
        assert code == 2
        assert message in err
        assert not Path("new").exists()
