"""What networks cost, counted from their graphs, and the papers' arithmetic."""

from keras_inception.analysis.arithmetic import Comparison, alexnet, arithmetic
from keras_inception.analysis.cost import Cost, Row, cost, symbolic_cost, table

__all__ = ["Comparison", "Cost", "Row", "alexnet", "arithmetic", "cost", "symbolic_cost", "table"]
