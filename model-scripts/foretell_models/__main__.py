"""Makes `python -m foretell_models` run the `foretell-models` command."""

import sys

from foretell_models.cli import main

sys.exit(main())
