"""`python -m hetgraph` is the same as the `hetgraph` command."""

from __future__ import annotations

import sys

from hetgraph.cli import main

sys.exit(main())
