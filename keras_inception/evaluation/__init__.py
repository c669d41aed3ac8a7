"""Evaluation as the papers did it: crops, ensembles, top-1 and top-5 with standard errors.

Generated pictures are measured by the Frechet inception distance and the Inception Score.
"""

from keras_inception.evaluation.accuracy import evaluate
from keras_inception.evaluation.frechet import Statistics, frechet_distance
from keras_inception.evaluation.generated import InceptionScore, fid, inception_score, statistics
from keras_inception.evaluation.predictors import predictor
from keras_inception.evaluation.result_files import write_results
from keras_inception.evaluation.results import Evaluation

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
