import os

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")


@pytest.fixture(scope="session")
def photo_patches_dir(tmp_path_factory):
    """A `data_dir` in which `photo_patches` is built; for reading only."""
    from keras_inception.data import pipeline

    folder = tmp_path_factory.mktemp("tensorflow_datasets")
    pipeline.dataset_info("photo_patches", folder)
    return folder
