from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from hetgraph.errors import ConfigError
from hetgraph.runs.experiment import (
    experiment_files,
    find_experiment,
    read_experiment,
    user_settings,
)
from hetgraph.runs.plan import make_plan

MODULE = """
from __future__ import annotations

from dataclasses import dataclass

from hetgraph.methods import Method


@dataclass(frozen=True)
class PaperConfig:
    width: int = 8
    dropout: float = 0.0
    metapaths: tuple[str, ...] = ()


class Paper(Method):
    name = "paper"
    Config = PaperConfig
"""

EXPERIMENT = """
dataset: hgb/ACM
model:
  width: 64       # table 2
  dropout: 5e-1
train:
  lr: 3e-3
  monitor: f1_mean
task: {valid_fraction: 0.25}
seeds: {split: 7}
published: {micro_f1: 94.04}
"""


@pytest.fixture
def paper(tmp_path: Path):
    """A model whose module lies in a folder with one experiment file."""
    module_file = tmp_path / "paper_model.py"
    module_file.write_text(MODULE)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "hgb-ACM.yaml").write_text(EXPERIMENT)
    spec = importlib.util.spec_from_file_location("paper_model", module_file)
    module = importlib.util.module_from_spec(spec)
    sys.modules["paper_model"] = module
    spec.loader.exec_module(module)
    yield module.Paper
    del sys.modules["paper_model"]


def test_the_file_is_found_by_its_name(paper):
    assert [path.name for path in experiment_files(paper)] == ["hgb-ACM.yaml"]
    experiment = find_experiment(paper, "hgb/ACM")
    assert experiment.dataset == "hgb/ACM"
    assert experiment.published == {"micro_f1": 94.04}
    assert find_experiment(paper, "hgb/DBLP") is None
    assert find_experiment(paper, "hgb:ACM") is None


def test_defaults_then_experiment_then_config_then_words(paper, tmp_path):
    config = tmp_path / "mine.yaml"
    config.write_text("model: {width: 32}\ntrain: {lr: 0.5, patience: null}\n")
    settings = user_settings(paper, config, ["train.lr=0.25", "task.test=half"])
    plan = make_plan(paper, "hgb/ACM", seed=3, settings=settings)
    assert plan.config.width == 32  # The user's file wins over the experiment.
    assert plan.config.dropout == 0.5  # The experiment wins over the class; 5e-1 is a number.
    assert plan.train.lr == 0.25  # The word wins over the file.
    assert plan.train.patience is None
    assert plan.train.monitor == "f1_mean"
    assert plan.train.eval_every == 1
    assert plan.task.test == "half"
    assert plan.task.valid_fraction == 0.25
    assert (plan.seeds.split, plan.seeds.init) == (7, 3)
    plain = make_plan(paper, "hgb/DBLP", seed=3)
    assert (plain.config.width, plain.train.lr, plain.seeds.split) == (8, 1e-3, 3)


def test_the_methods_own_training_settings_lie_below_the_experiment_file(paper, monkeypatch):
    monkeypatch.setattr(paper, "train_defaults", {"lr": 0.07, "weight_decay": 0.5})
    on_own_data = make_plan(paper, "tables:folder")
    assert (on_own_data.train.lr, on_own_data.train.weight_decay) == (0.07, 0.5)
    assert on_own_data.train.monitor == "loss"  # the one of the task
    published = make_plan(paper, "hgb/ACM")
    assert (published.train.lr, published.train.weight_decay) == (3e-3, 0.5)
    asked = make_plan(paper, "tables:folder", settings={"train": {"lr": 0.2}})
    assert (asked.train.lr, asked.train.weight_decay) == (0.2, 0.5)


def test_without_the_experiment_file_a_pair_has_the_defaults_of_any_graph(paper, monkeypatch):
    monkeypatch.setattr(paper, "train_defaults", {"lr": 0.07})
    monkeypatch.setattr(paper, "standins", "auto")
    plain = make_plan(paper, "hgb/ACM", seed=3, experiment=False)
    assert (plain.config.width, plain.train.lr, plain.train.monitor) == (8, 0.07, "loss")
    assert plain.data == {"standins": "auto"}
    assert not plain.experiment
    assert plain.seeds.split == 3


def test_a_file_that_is_left_out_stays_out_when_the_run_is_opened_again():
    from hetgraph.registry import models

    rgcn = models.get("rgcn")
    plain = make_plan(rgcn, "nie/FB15k", experiment=False)
    assert plain.data == {"text": None, "structure": None}
    assert make_plan(rgcn, "nie/FB15k", settings=plain.settings).settings == plain.settings


def test_stand_ins_of_a_method_hold_where_nobody_chose_any(paper, monkeypatch):
    monkeypatch.setattr(paper, "standins", "auto")
    assert make_plan(paper, "hgb/ACM").data == {}  # tuned without any
    assert make_plan(paper, "hgb/DBLP").data == {"standins": "auto"}
    asked = make_plan(paper, "hgb/DBLP", settings={"data": {"standins": "ids"}})
    assert asked.data == {"standins": "ids"}
    none = make_plan(paper, "hgb/DBLP", settings={"data": {"standins": "null"}})
    assert none.data == {"standins": None}
    assert paper.standins_in("link-prediction") == ""


def test_a_wrong_training_setting_of_a_method_is_named(paper, monkeypatch):
    monkeypatch.setattr(paper, "train_defaults", {"learning_rate": 0.07})
    with pytest.raises(ConfigError, match=r"unknown setting 'train.learning_rate'"):
        make_plan(paper, "tables:folder")


def test_a_bare_word_goes_to_the_only_section_that_has_it(paper):
    settings = user_settings(paper, None, ["dropout=0.1", "lr=0.2", "seeds.init=9"])
    assert settings == {
        "model": {"dropout": "0.1"},
        "train": {"lr": "0.2"},
        "seeds": {"init": "9"},
    }
    with pytest.raises(ConfigError, match=r"ambiguous; write task.split or seeds.split"):
        user_settings(paper, None, ["split=2"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("modle: {}", r"mine.yaml: unknown key 'modle'. Did you mean 'model'\?"),
        ("model: {widht: 3}", r"unknown setting 'model.widht'. Did you mean 'width'\?"),
        ("train: {lr: fast}", "train.lr is 'fast', expected a number"),
        ("train: {lr: -1}", "train.lr is -1.0, expected a positive number"),
        ("task: 3", "task is 3, expected names with values"),
        ("task: {1: 2}", "mine.yaml: the key 1 of task is no text; put it in quotes"),
        ("dataset: 3", "dataset is 3, expected text or nothing"),
        ("- a", "must hold sections"),
        ("a: [", "cannot be read as YAML"),
        ("method: latte", "is for the model 'latte', not for 'paper'"),
    ],
)
def test_wrong_files_are_refused_with_their_name(paper, tmp_path, content, message):
    path = tmp_path / "mine.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=message):
        read_experiment(path, paper)


def test_a_missing_file_is_one_clear_line(paper, tmp_path):
    with pytest.raises(ConfigError, match=r"none.yaml does not exist"):
        read_experiment(tmp_path / "none.yaml", paper)


def test_an_empty_file_sets_nothing(paper, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("# nothing yet\n")
    assert read_experiment(path, paper).settings == {}


def test_a_file_named_after_another_data_set_is_refused(paper):
    path = experiment_files(paper)[0]
    path.rename(path.with_name("hgb-DBLP.yaml"))
    with pytest.raises(ConfigError, match="named after 'hgb/DBLP' but is for 'hgb/ACM'"):
        find_experiment(paper, "hgb/DBLP")


def test_settings_for_another_data_set_are_refused(paper, tmp_path):
    settings = user_settings(paper, experiment_files(paper)[0])
    with pytest.raises(ConfigError, match="for the data set 'hgb/ACM', but this run is on"):
        make_plan(paper, "hgb/DBLP", settings=settings)


def test_unknown_sections_and_metapaths_without_a_taker(paper):
    with pytest.raises(ConfigError, match=r"unknown section of settings 'tran'. Did you mean"):
        make_plan(paper, "hgb/DBLP", settings={"tran": {}})
    plan = make_plan(paper, "hgb/DBLP", metapaths=["a-b-a"])
    assert plan.config.metapaths == ("a-b-a",)

    class Plain(paper):
        class Config:
            pass

    import dataclasses

    Plain.Config = dataclasses.make_dataclass("Config", [], frozen=True)
    with pytest.raises(ConfigError, match="'paper' takes no meta-paths"):
        make_plan(Plain, "hgb/DBLP", metapaths=["a-b-a"])


def test_words_for_the_loader_are_read_as_yaml(paper):
    words = ["data.num_nodes=500", "data.scale=1e-3", "data.size=large", "data.flag=false"]
    plan = make_plan(paper, "synthetic/academic", settings=user_settings(paper, None, words))
    assert plan.data == {"num_nodes": 500, "scale": 0.001, "size": "large", "flag": False}


def test_every_experiment_of_every_model_is_valid():
    from hetgraph.catalog.loading import dataset_names
    from hetgraph.registry import models

    for name in models:
        for path in experiment_files(models.get(name)):
            experiment = read_experiment(path, models.get(name))
            assert experiment.dataset in dataset_names(), path
            assert find_experiment(models.get(name), experiment.dataset).path == path
