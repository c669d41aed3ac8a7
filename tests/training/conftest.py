"""Makes `made_up.py` and its like importable, as they are for the processes that tests start."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
