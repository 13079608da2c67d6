"""What each command does: read, call a verb, show. One bad file never stops the others.

Every command is a function of its parsed options and returns how many things failed. Modules by what they need, so that
looking at a picture does not load the database.
"""

import argparse
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""What the parsers of commands are added to."""
