"""A generated shop as files: ``hetgraph datasets make shop FOLDER``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from hetgraph.catalog.collection import Collection, Files
from hetgraph.catalog.dataset import Dataset
from hetgraph.datasets._shop_files import DUCKDB, WRITERS
from hetgraph.datasets._shop_tables import ShopConfig, make_shop
from hetgraph.errors import ConfigError, suggest
from hetgraph.optional import demand

__all__ = ["ShopFiles"]

_HINT = "run `hetgraph datasets make shop FOLDER`, then use tables:FOLDER."


class ShopFiles(Collection):
    """Users, items and brands, with purchases, views and ratings, as a user's own data.

    :mod:`hetgraph.datasets._shop_tables` describes what the tables contain and which signal.
    """

    name = "shop"
    cached: ClassVar[bool] = False
    make_options: ClassVar[Mapping[str, Any]] = {
        "users": ShopConfig.users,
        "items": ShopConfig.items,
        "seed": ShopConfig.seed,
        "clean": ShopConfig.clean,
        "form": "tables",
    }

    def names(self) -> tuple[str, ...]:
        """Returns no names, as a shop is made as files."""
        return ()

    def make(self, folder: Path, **options: Any) -> None:
        """Writes a shop.

        Args:
            folder: An empty folder.
            **options: Those of :class:`~hetgraph.datasets._shop_tables.ShopConfig`, and ``form``:
                ``"tables"``, ``"sqlite"`` or ``"duckdb"``.

        Raises:
            ConfigError: If an option has an invalid value, or DuckDB is not installed.
        """
        form = options.pop("form", "tables")
        if form not in WRITERS:
            raise ConfigError(f"form {form!r} is unknown.{suggest(str(form), WRITERS)}")
        if form == "duckdb":
            demand([DUCKDB])
        WRITERS[form](make_shop(ShopConfig(**options)), folder)

    def load(self, name: str, files: Files, **options: Any) -> Dataset:
        """Fails, as a shop is made as files first.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(f"shop/{name} is no data set; {_HINT}")

    def load_folder(self, path: Path, **options: Any) -> Dataset:
        """Fails, as the files of a shop are tables.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(f"'shop' is not a file format; {_HINT}")
