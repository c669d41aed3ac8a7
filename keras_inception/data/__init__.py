"""Pictures to batches: preprocessing, augmentation, crops, pipelines and the embedded data set."""
