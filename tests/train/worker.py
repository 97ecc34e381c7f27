"""Trains the tiny model in a process of its own: ``worker.py OUT JSON [OUT JSON ...]``."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from safetensors.torch import save_file
from tiny import HaltingModel, make_task

from hetgraph.train import TrainConfig, Trainer


def main(out: Path, options: dict) -> None:
    def hang() -> None:
        (out / "halted").touch()
        time.sleep(120)

    HaltingModel.halt = staticmethod(hang)
    task = make_task()
    model = HaltingModel.make(task, **options.get("model", {}))
    model.halt_at = options.get("halt_at", -1)
    trainer = Trainer(TrainConfig(**options["train"]), out=out, progress=False)
    result = trainer.fit(model, task, resume=options.get("resume", False))
    if trainer.engine.is_main:
        save_file({k: v.contiguous() for k, v in model.state_dict().items()}, out / "weights")
        (out / "metrics.json").write_text(json.dumps(result.metrics))
        (out / "processes").write_text(str(trainer.engine.world))


if __name__ == "__main__":
    for folder, text in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
        main(Path(folder), json.loads(text))
