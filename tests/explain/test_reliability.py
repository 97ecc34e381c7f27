from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from hetgraph.errors import FileFormatError
from hetgraph.explain import style
from hetgraph.explain.reliability_picture import (
    draw_counts,
    draw_reliability,
    reliability_data,
    reliability_figure,
)
from hetgraph.metrics import Reliability, reliability
from hetgraph.runs.record import Record
from hetgraph.tasks import Calibration
from hetgraph.tasks.calibration import calibrate

# matplotlib only warns where there is no room for a layout.
pytestmark = pytest.mark.filterwarnings("error")

pytest.importorskip("matplotlib")
from matplotlib.figure import Figure  # noqa: E402

RECORD = Record("rgcn", "toy/sure", {}, 0, "", {}, {}, {}, 0, 0, 0)
SOME = Reliability((0, 10, 0, 30), (None, 0.4, None, 0.9), (None, 0.5, None, 0.8))


def made(*, fitted: bool = True, multi_label: bool = False) -> Calibration:
    generator = torch.Generator().manual_seed(0)
    logits = 4 * torch.randn(90, 3, generator=generator)
    target = torch.randint(3, (90,), generator=generator)
    if multi_label:
        target = torch.nn.functional.one_hot(target, 3)
    splits = {"valid": logits, "test": logits} if fitted else {"test": logits}
    found = calibrate(splits, dict.fromkeys(splits, target))
    assert found is not None
    return found


def test_the_record_alone_has_the_data() -> None:
    data = made()
    assert reliability_data(replace(RECORD, extra={"calibration": data.to_dict()})) == data
    assert reliability_data(RECORD) is None, "as in records of older runs"


def test_an_entry_of_another_form_is_told() -> None:
    for entry in ({"temperature": 1.0}, [1], {**made().to_dict(), "reliability": {"before": 3}}):
        with pytest.raises(FileFormatError, match="of rgcn on toy/sure cannot be read"):
            reliability_data(replace(RECORD, extra={"calibration": entry}))


def test_nothing_measured_is_nothing_drawn() -> None:
    logits = torch.full((3, 2), float("nan"))
    empty = calibrate({"valid": logits}, {"valid": torch.zeros(3).long()})
    assert empty is not None
    assert reliability_data(replace(RECORD, extra={"calibration": empty.to_dict()})) is None


def test_bars_end_where_confidence_and_accuracy_are() -> None:
    ax = draw_reliability(Figure().subplots(), SOME)
    tops = [(bar.get_x(), bar.get_y(), bar.get_y() + bar.get_height()) for bar in ax.patches]
    expected = [(0.25, 0.0, 0.4), (0.25, 0.4, 0.5), (0.75, 0.0, 0.8), (0.75, 0.8, 0.9)]
    assert tops == [pytest.approx(bar) for bar in expected]
    colours = [bar.get_facecolor() for bar in ax.patches]
    assert colours[0] == colours[2]
    assert len(set(colours)) == 3, "too high and too low have colours of their own"
    _, *intervals = ax.lines
    for line, accuracy in zip(intervals, (0.5, 0.8), strict=True):
        low, high = line.get_ydata()
        assert 0 < low < accuracy < high < 1
    # Wilson's interval of 5 in 10, from its table.
    assert list(intervals[0].get_ydata()) == pytest.approx([0.2366, 0.7634], abs=1e-4)


def test_counts_are_fractions() -> None:
    ax = draw_counts(Figure().subplots(), SOME)
    assert [bar.get_height() for bar in ax.patches] == [0, 0.25, 0, 0.75]


@pytest.mark.parametrize("multi_label", [False, True])
def test_the_figure_has_a_panel_before_and_one_after(multi_label: bool) -> None:
    data = made(multi_label=multi_label)
    with style.look():
        figure = reliability_figure(data, "Reliability")
        figure.canvas.draw()
    titles = [ax.get_title(loc="left") for ax in figure.axes if ax.get_title(loc="left")]
    before, after = data.before["test"]["ece"], data.after["test"]["ece"]
    assert titles == [
        f"as trained: ECE {before:.3f}",
        f"at temperature {data.temperature:.3g}: ECE {after:.3f}",
    ]
    assert figure.axes[0].get_ylabel() == ("fraction of positives" if multi_label else "accuracy")
    text = figure.get_supxlabel()
    assert ("270 labels of the test split" if multi_label else "90 predictions") in text


def test_without_a_fit_there_is_one_panel_and_the_reason() -> None:
    with style.look():
        figure = reliability_figure(made(fitted=False), "Reliability")
        figure.canvas.draw()
    assert len(figure.axes) == 2
    assert "Temperature 1: there are no validation predictions" in figure.get_supxlabel()


def test_one_sure_class() -> None:
    data = calibrate({"test": torch.zeros(1, 1)}, {"test": torch.zeros(1).long()})
    assert data is not None
    assert data.reliability["before"] == reliability(torch.ones(1, 1), torch.zeros(1).long())
    with style.look():
        reliability_figure(data, "Reliability").canvas.draw()
