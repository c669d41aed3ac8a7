"""Analysis of networks: their cost, counted from their graphs, the papers' sums, and drawings."""

from keras_inception.analysis import visualize
from keras_inception.analysis.costs import Cost, Row, cost, symbolic_cost, table
from keras_inception.analysis.paper_sums import Comparison, alexnet, arithmetic

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
