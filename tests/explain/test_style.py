from __future__ import annotations

from pathlib import Path

import matplotlib
import pytest

from hetgraph.explain import style


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("author-paper", "author-paper"),
        ("two\nlines\tand a tab", "two lines and a tab"),
        ("", "(no name)"),
        ("\x00", "(no name)"),
        ("cost in $", r"cost in \$"),
        ("a" * 30 + "z" * 30, "a" * 11 + "…" + "z" * 8),
    ],
)
def test_a_label_is_one_short_line(name: str, shown: str) -> None:
    assert style.label(name, 20) == shown


def test_long_names_that_would_look_alike_stay_longer() -> None:
    names = [f"the beginning {n} and the very same end of it" for n in range(3)]
    assert len({style.label(name, 20) for name in names}) == 1
    assert style.labels(names, 20) == names
    assert style.labels([*names[:1], "other"], 20) == [style.label(names[0], 20), "other"]


@pytest.mark.parametrize(
    ("value", "largest", "shown"),
    [
        (0.25, 1.0, "0.250"),
        (0.25, 1.0000001, "0.250"),
        (0.004, 0.9, "0.004"),
        (12.34, 99.0, "12.3"),
        (1234.0, 1234.0, "1234"),
        (0.0012, 0.0016, "0.00120"),
        (2.5e-9, 1e-8, "2.5e-09"),
        (0.0, 0.0, "0.000"),
    ],
)
def test_numbers_have_three_digits_of_the_largest(value: float, largest: float, shown: str) -> None:
    assert style.number(value, largest) == shown


def test_colours_are_distinct_and_repeat_after_the_last() -> None:
    names = [str(n) for n in range(len(style.PALETTE) + 1)]
    colours = style.colours([*names, names[0]])
    assert list(colours) == names
    assert len({colours[name] for name in names[:-1]}) == len(style.PALETTE)
    assert colours[names[-1]] == colours[names[0]]


def test_the_users_settings_neither_show_nor_change(tmp_path: Path) -> None:
    with matplotlib.rc_context({"font.size": 31.0, "text.usetex": True}):
        with style.look():
            assert matplotlib.rcParams["font.size"] == 9
            assert not matplotlib.rcParams["text.usetex"]
        assert matplotlib.rcParams["font.size"] == 31.0


def test_a_figure_is_saved_in_each_format_and_twice_the_same(tmp_path: Path) -> None:
    contents = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        with style.look():
            figure = style.new_figure(2, 2, "A $ title")
            figure.subplots().plot([0, 1], [0, 1])
            style.caption(figure, "one", "two")
            paths = style.save(figure, folder, "picture", style.FORMATS)
        assert paths == [folder / f"picture.{kind}" for kind in style.FORMATS]
        assert sorted(folder.iterdir()) == sorted(paths), "no temporary file is left"
        contents.append([path.read_bytes() for path in paths])
    png, svg, pdf = contents[0]
    assert png.startswith(b"\x89PNG")
    assert b"<svg" in svg
    assert pdf.startswith(b"%PDF")
    assert contents[0] == contents[1]
