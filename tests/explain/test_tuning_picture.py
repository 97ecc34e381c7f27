from __future__ import annotations

from pathlib import Path

import pytest

from hetgraph.runs.tuning import Trial, Tuning

pytest.importorskip("matplotlib")

from hetgraph.explain.tuning_picture import (
    draw_importance,
    draw_trials,
    save_tuning_figure,
    tuning_figure,
)

TRIALS = (
    Trial(1, "complete", {"train.lr": 0.1, "model.dims": [8, 4]}, -0.5, {"loss": 0.5}),
    Trial(2, "diverged", {"train.lr": 9.0, "model.dims": [8]}),
    Trial(3, "pruned", {"train.lr": 0.2, "model.dims": [8]}, -0.9),
    Trial(4, "complete", {"train.lr": 0.3, "model.dims": [8]}, -0.25, {"loss": 0.25}),
)
IMPORTANCE = {"train.lr": 0.75, "model.dims": 0.25}


def make(importance: dict[str, float] = IMPORTANCE) -> Tuning:
    start = {"train.lr": 0.1, "model.dims": [8, 4]}
    return Tuning("m", "d", {}, "loss", -0.25, TRIALS, start, importance, is_error=True)


@pytest.fixture
def ax():
    from matplotlib.figure import Figure

    return Figure().subplots()


def test_trials_have_the_sign_of_records_and_their_outcome(ax) -> None:
    draw_trials(ax, make())
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["complete (2)", "pruned (1)", "diverged or failed (1)", "best so far"]
    complete, pruned, lost = ax.collections
    assert complete.get_offsets().tolist() == [[1, 0.5], [4, 0.25]]
    assert pruned.get_offsets().tolist() == [[3, 0.9]]
    assert lost.get_offsets()[0][0] == 2
    (line,) = ax.get_lines()
    assert list(line.get_ydata()) == [0.5, 0.5, 0.5, 0.25]
    assert ax.get_ylabel() == "validation loss"


def test_bars_are_the_importance_with_the_best_values(ax) -> None:
    draw_importance(ax, make())
    assert [bar.get_width() for bar in ax.patches] == [0.75, 0.25]
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["train.lr = 0.3", "model.dims = [8]"]


def test_too_few_trials_are_told(ax) -> None:
    draw_importance(ax, make({}))
    assert not ax.patches
    assert [text.get_text() for text in ax.texts] == ["too few complete trials to tell"]


def test_the_figure_is_written(tmp_path: Path) -> None:
    files = save_tuning_figure(make(), tmp_path, ("png", "svg"))
    assert files == [tmp_path / "tuning.png", tmp_path / "tuning.svg"]
    assert all(path.stat().st_size for path in files)
    assert "validation split" in tuning_figure(make()).get_supxlabel()
