"""The runs of one model on one dataset of a benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import hetgraph
from hetgraph.leaderboards.code import code_digest
from hetgraph.leaderboards.record import Identity, RunRecord, comparable_config, config_hash
from hetgraph.leaderboards.spec import Benchmark
from hetgraph.settings import merge

__all__ = ["Hashes", "Job"]


@dataclass(frozen=True)
class Hashes:
    """What identifies the runs of a job apart from their seed.

    Args:
        config: Hash of the configuration.
        data: Hash of the data set.
        code: Digests of the code by component.
    """

    config: str
    data: str
    code: Mapping[str, str]


@dataclass(frozen=True)
class Job:
    """What the runs of a model on a dataset share.

    Args:
        benchmark: The benchmark.
        model: Name of a registered model.
        dataset: Full name of the dataset in the benchmark.
        settings: Changes to the model's configuration, by section.
        metapaths: Requested meta-paths.
        root: Folder of the data sets.
        out: Folder for the outputs of the runs.
        label: Name of the row in messages.
    """

    benchmark: Benchmark
    model: str
    dataset: str
    settings: Mapping[str, Any]
    metapaths: tuple[str, ...] = ()
    root: Path | None = None
    out: Path = Path("runs", "leaderboards")
    label: str = ""

    @property
    def title(self) -> str:
        """Name of the row in messages."""
        return self.label or self.model

    @property
    def all_settings(self) -> dict[str, Any]:
        """Settings of the benchmark, overridden by the dataset's, overridden by the caller's."""
        own = self.benchmark.datasets[self.dataset].settings
        return merge(self.benchmark.settings, own, self.settings)

    @property
    def data(self) -> str:
        """The data set to load."""
        return self.benchmark.datasets[self.dataset].data

    @property
    def overrides(self) -> dict[str, Any]:
        """What the caller changed."""
        metapaths = {"metapaths": list(self.metapaths)} if self.metapaths else {}
        return {**self.settings, **metapaths}

    def identify(self) -> Hashes:
        """Hashes of configuration, data and code that the runs will have; loads the dataset.

        Raises:
            UserError: If a setting is wrong or the dataset cannot be loaded.
        """
        from hetgraph.catalog.loading import load_dataset
        from hetgraph.registry import models
        from hetgraph.runs.packages import check_packages
        from hetgraph.runs.plan import bind_metapaths, make_plan
        from hetgraph.tasks import task_class

        plan = make_plan(
            models.get(self.model),
            self.data,
            settings=self.all_settings,
            metapaths=self.metapaths,
        )
        check_packages(plan)
        dataset = load_dataset(self.data, self.root, **plan.data)
        bound = bind_metapaths(plan, dataset)
        config = comparable_config(bound.settings, self.model)
        code = code_digest(self.model, task_class(plan.family).__module__)
        return Hashes(config_hash(config), dataset.sha256, code)

    def identity(self, hashes: Hashes, seed: int) -> Identity:
        """The identity of the record that a run with a seed will give."""
        total = hashes.code.get("total", "")
        version = hetgraph.__version__
        return (self.model, self.dataset, hashes.config, seed, hashes.data, version, total)

    def run(self, hashes: Hashes, seed: int, *, fresh: bool, progress: bool) -> RunRecord:
        """Runs one seed; unless ``fresh``, a run that was interrupted is resumed.

        Raises:
            UserError: If the run cannot be done.
            DataError: If its outcome is not a valid record, for example after divergence.
        """
        from hetgraph.runs import run

        folder = self.folder(hashes, seed, fresh=fresh)
        result = run(
            self.model,
            self.data,
            seed=seed,
            settings=self.all_settings,
            metapaths=self.metapaths,
            root=self.root,
            out=folder,
            resume=(folder / "config.yaml").is_file(),
            progress=progress,
        )
        return RunRecord.from_result(
            {**result.to_dict(), "dataset": self.dataset},
            benchmark=self.benchmark.name,
            version=hetgraph.__version__,
            overrides=self.overrides,
            code=hashes.code,
        )

    def folder(self, hashes: Hashes, seed: int, *, fresh: bool) -> Path:
        """Folder of a run; it depends on configuration, data, version, code and seed alone."""
        digests = (hashes.config, hashes.data, hashes.code.get("total", ""))
        made_from = "-".join([*(digest[:8] for digest in digests if digest), hetgraph.__version__])
        name = f"{self.model}-{self.dataset.replace('/', '-')}-{made_from}"
        parent = self.out / self.benchmark.name / name
        first = parent / f"seed-{seed}"
        if not fresh or not first.exists():
            return first
        again = (parent / f"seed-{seed}-again-{number}" for number in count(1))
        return next(folder for folder in again if not folder.exists())
