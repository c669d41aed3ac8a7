"""Evaluation as the papers did it: crops, ensembles, top-1 and top-5 with standard errors."""

from keras_inception.evaluation.evaluate import Evaluation, evaluate
from keras_inception.evaluation.predictors import predictor
from keras_inception.evaluation.results import write_results

__all__ = ["Evaluation", "evaluate", "predictor", "write_results"]
