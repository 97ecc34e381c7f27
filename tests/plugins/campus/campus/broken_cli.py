"""A command that needs what is not installed."""

from __future__ import annotations

import a_package_that_nobody_has  # noqa: F401
