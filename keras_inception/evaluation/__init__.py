"""Evaluation as the papers did it: crops, ensembles, top-1 and top-5 with standard errors.

Of generated pictures: the Frechet inception distance and the Inception Score.
"""

from keras_inception.evaluation.evaluate import Evaluation, evaluate
from keras_inception.evaluation.frechet import Statistics, frechet_distance
from keras_inception.evaluation.generated import InceptionScore, fid, inception_score, statistics
from keras_inception.evaluation.predictors import predictor
from keras_inception.evaluation.results import write_results

__all__ = [
    "Evaluation",
    "InceptionScore",
    "Statistics",
    "evaluate",
    "fid",
    "frechet_distance",
    "inception_score",
    "predictor",
    "statistics",
    "write_results",
]
