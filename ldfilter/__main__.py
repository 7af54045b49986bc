"""`python -m ldfilter` is the command `ldfilter`."""

import sys

from ldfilter.cli import main

sys.exit(main())
