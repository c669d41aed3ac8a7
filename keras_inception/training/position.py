"""How far a run is: the steps that it has done, and the epoch and batch that they reach."""

from __future__ import annotations

from typing import Any

import keras


class Position(keras.callbacks.Callback):
    """A counter of the run's steps. It must be the first of the callbacks.

    Args:
        steps_per_epoch: optimizer steps in an epoch.
        step: steps that an earlier call has done.

    Attributes:
        steps_per_epoch: as the argument.
        step: steps done since the run began, counted from 1.
        is_settled: whether the variables are those of `step`. They are not while asynchronous
            steps, many of which are applied at a time, are reported one by one.
    """

    def __init__(self, steps_per_epoch: int, step: int = 0) -> None:
        super().__init__()
        self.steps_per_epoch = steps_per_epoch
        self.step = step
        self.is_settled = True

    @property
    def epoch(self) -> int:
        """Epoch of the last step, from 0; before the first step, the epoch that begins."""
        return max(self.step - 1, 0) // self.steps_per_epoch

    @property
    def ends_an_epoch(self) -> bool:
        """Whether the last step was the last of its epoch. Its validation may still be to come."""
        return self.step % self.steps_per_epoch == 0

    @property
    def batch(self) -> int:
        """Number of the last step within its epoch, from 1."""
        return (self.step - 1) % self.steps_per_epoch + 1

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Counts the step."""
        self.step += 1
