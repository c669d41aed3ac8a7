"""Networks for tests of their graphs alone: built without weights, in a fraction of the time."""

import concurrent.futures
import contextvars
import functools

import keras

import keras_inception


def weightless(build):
    """Returns what `build()` makes where variables have a shape and no value."""

    def work():
        with keras.StatelessScope(initialize_variables=False):
            return build()

    # Keras keeps a list of variables to initialize later for each thread: it goes with this one.
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        return thread.submit(contextvars.copy_context().run, work).result()


@functools.cache
def network(model_id, variant=None, **arguments):
    """Builds a network of this package without weights, once for all tests of a process."""
    chosen = arguments if variant is None else {"variant": variant, **arguments}
    return weightless(lambda: keras_inception.create_model(model_id, weights=None, **chosen))


@functools.cache
def with_auxiliary_heads(model):
    """Puts auxiliary heads without weights on a network, once for all tests of a process."""
    return weightless(lambda: keras_inception.with_auxiliary_heads(model))


def layer_names(model):
    """Names of all layers but the inputs."""
    return [layer.name for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
