"""A model of DynamoDB's limits; what is deployed is importable from it, as in Lambda."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "lambda"))
