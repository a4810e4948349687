"""`python -m foretell_models`: the same as the `foretell-models` command."""

import sys

from foretell_models.cli import main

sys.exit(main())
