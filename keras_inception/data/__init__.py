"""Pictures to batches: data sets, preprocessing, augmentation and crops."""

from keras_inception.data.dataset import Dataset, as_dataset, from_tf, open

__all__ = ["Dataset", "as_dataset", "from_tf", "open"]
