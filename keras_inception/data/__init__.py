"""Data sets, and the way from pictures to batches: decoding, preprocessing, augmentation, crops."""

from keras_inception.data.dataset import Dataset, as_dataset, from_tf, open

__all__ = ["Dataset", "as_dataset", "from_tf", "open"]
