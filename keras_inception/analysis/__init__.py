"""What networks cost, counted from their graphs, the papers' arithmetic, and what they see."""

from keras_inception.analysis import visualize
from keras_inception.analysis.arithmetic import Comparison, alexnet, arithmetic
from keras_inception.analysis.cost import Cost, Row, cost, symbolic_cost, table

__all__ = [
    "Comparison",
    "Cost",
    "Row",
    "alexnet",
    "arithmetic",
    "cost",
    "symbolic_cost",
    "table",
    "visualize",
]
