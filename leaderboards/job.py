"""The runs of one model on one dataset of a benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import hetgraph
from hetgraph.leaderboards.record import Identity, RunRecord, config_hash
from hetgraph.leaderboards.spec import Benchmark
from hetgraph.settings import merge

__all__ = ["Job"]


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
        label: What messages call the model.
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
        """What messages call it."""
        return self.label or self.model

    @property
    def all_settings(self) -> dict[str, Any]:
        """The settings of the benchmark, those of the dataset over them, the caller's over both."""
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

    def identify(self) -> tuple[str, str]:
        """Hashes of the configuration and the data that the runs will have; loads the dataset.

        Raises:
            UserError: If a setting is wrong or the dataset cannot be loaded.
        """
        from hetgraph.catalog.loading import load_dataset
        from hetgraph.registry import models
        from hetgraph.runs.plan import bind_metapaths, make_plan
        from hetgraph.train.fingerprint import dataset_sha256

        plan = make_plan(
            models.get(self.model),
            self.data,
            settings=self.all_settings,
            metapaths=self.metapaths,
        )
        dataset = load_dataset(self.data, self.root, **plan.data)
        bound = bind_metapaths(plan, dataset)
        return config_hash(bound.settings), dataset_sha256(dataset)

    def identity(self, hashes: tuple[str, str], seed: int) -> Identity:
        """The identity of the record that a run with a seed will give."""
        config_sha256, data_sha256 = hashes
        version = hetgraph.__version__
        return (self.model, self.dataset, config_sha256, seed, data_sha256, version)

    def run(self, hashes: tuple[str, str], seed: int, *, fresh: bool, progress: bool) -> RunRecord:
        """Runs one seed; unless ``fresh``, a run that was cut off goes on where it was.

        Raises:
            UserError: If the run cannot be done.
            DataError: If its outcome is no valid record, for example diverged.
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
        )

    def folder(self, hashes: tuple[str, str], seed: int, *, fresh: bool) -> Path:
        """Folder of a run: the same for the same configuration, data and version."""
        config_sha256, data_sha256 = hashes
        made_from = f"{config_sha256[:8]}-{data_sha256[:8]}-{hetgraph.__version__}"
        name = f"{self.model}-{self.dataset.replace('/', '-')}-{made_from}"
        parent = self.out / self.benchmark.name / name
        first = parent / f"seed-{seed}"
        if not fresh or not first.exists():
            return first
        again = (parent / f"seed-{seed}-again-{number}" for number in count(1))
        return next(folder for folder in again if not folder.exists())
