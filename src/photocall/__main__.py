"""`python -m photocall` is the command line."""

import sys

from photocall.cli import main

sys.exit(main())
