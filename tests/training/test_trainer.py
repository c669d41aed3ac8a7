"""The training step: what the loss is made of, how gradients are clipped, what is averaged."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from made_up import CLASSES, SIZE, images, small_network

import keras_inception
from keras_inception.training import optimizers
from keras_inception.training.averaging import ExponentialMovingAverage
from keras_inception.training.trainer import Trainer


def trainer_of(model, optimizer=None, **numbers):
    trainer = Trainer(model.input, model.output)
    trainer.set_up(**numbers)
    trainer.compile(optimizer or optimizers.Momentum(0.1), jit_compile=False)
    trainer.optimizer.build(trainer.trainable_variables)
    return trainer


def small(**arguments):
    return small_network("inception_v1", None, (SIZE, SIZE, 3), CLASSES, **arguments)


def batches(count, size=16):
    pixels, labels = images("train")
    data = tf.data.Dataset.from_tensor_slices((pixels, labels)).repeat()
    return data.batch(size).take(count)


def test_weight_decay_is_half_the_squared_kernels_in_the_training_loss_only():
    model = small()
    pixels, labels = images("train")
    plain, decayed = (trainer_of(model, weight_decay=decay) for decay in (0.0, 0.02))
    kernels = [model.get_layer(name).kernel for name in ("conv", "predictions")]
    penalty = 0.01 * sum(float(keras.ops.sum(kernel**2)) for kernel in kernels)
    predictions = model(pixels)

    def loss(trainer, training):
        return float(trainer.compute_loss(pixels, labels, predictions, training=training))

    assert loss(decayed, True) - loss(plain, True) == pytest.approx(penalty, rel=1e-4)
    assert loss(decayed, False) == pytest.approx(loss(plain, False))


def test_weight_decay_reaches_the_pointwise_kernels_of_separable_convolutions():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.SeparableConv2D(5, 3, name="separable")(inputs)
    outputs = keras.layers.GlobalAveragePooling2D()(x)
    trainer = trainer_of(keras.Model(inputs, outputs), weight_decay=0.02)
    (kernel,) = trainer._decayed_kernels()
    assert kernel is trainer.get_layer("separable").pointwise_kernel.value


def test_steps_that_loss_scaling_leaves_out_do_not_count_in_the_norm():
    trainer = trainer_of(small())
    labels = tf.zeros((4,), tf.int64)
    figures = {"loss": 1.0, "top1_accuracy": 0.0, "top5_accuracy": 0.0}
    for norm in (3.0, float("nan"), float("inf")):
        logs = trainer._recorded({**figures, "gradient_norm": tf.constant(norm)}, labels)
    assert float(logs["gradient_norm"]) == 3.0


def test_auxiliary_losses_count_with_their_weight_in_training_only():
    model = small()
    pixels, labels = images("train")
    side = keras.layers.Dense(CLASSES, activation="softmax", name="auxiliary")
    grid = keras.layers.Flatten()(model.get_layer("relu").output)
    both = keras.Model(model.input, {"predictions": model.output, "auxiliary": side(grid)})
    trainer = trainer_of(both, auxiliary_weight=0.4, label_smoothing=0.1)
    outputs = both(pixels)
    loss = trainer.compute_loss(pixels, labels, outputs)
    main = trainer.compute_loss(pixels, labels, outputs["predictions"], training=False)
    auxiliary = trainer.compute_loss(pixels, labels, outputs["auxiliary"], training=False)
    assert float(loss) == pytest.approx(float(main) + 0.4 * float(auxiliary), rel=1e-5)
    before = side.get_weights()
    logs = trainer.fit(batches(2), validation_data=(batches(1)), verbose=0).history
    assert np.abs(side.get_weights()[0] - before[0]).max() > 0
    assert set(logs) == {
        *("loss", "top1_accuracy", "top5_accuracy", "gradient_norm"),
        *("val_loss", "val_top1_accuracy", "val_top5_accuracy"),
    }


def test_every_auxiliary_head_of_a_network_is_trained():
    model = keras_inception.GoogLeNet(
        weights=None, input_shape=(64, 64, 3), width_multiplier=0.125, classes=CLASSES
    )
    training = keras_inception.with_auxiliary_heads(model)
    trainer = trainer_of(training, auxiliary_weight=0.3)
    heads = [training.get_layer(f"auxiliary_{i}") for i in (1, 2)]
    before = [head.get_weights()[0] for head in heads]
    rng = np.random.default_rng(0)
    pixels = rng.uniform(-1, 1, (4, 64, 64, 3)).astype("float32")
    trainer.fit(tf.data.Dataset.from_tensors((pixels, [0, 1, 2, 0])), verbose=0)
    for head, start in zip(heads, before, strict=True):
        assert np.abs(head.get_weights()[0] - start).max() > 0
    assert not [w for w in trainer.averaged if "auxiliary" in w.path]


def test_gradients_are_clipped_by_global_norm():
    """With momentum and decay off, a step of RMSProp is the rate times the clipped gradient."""
    model = small()
    before = model.get_weights()
    optimizer = optimizers.RMSprop(1.0, momentum=0.0, epsilon=1.0, global_clipnorm=1e-3)
    trainer_of(model, optimizer).fit(batches(1), verbose=0)
    moved = [a - b for a, b in zip(model.get_weights(), before, strict=True)]
    conv, _, _, _, *dense = moved  # without the statistics of batch normalization
    norm = np.sqrt(sum((move**2).sum() for move in [conv, moved[1], *dense]))
    # The root is sqrt(0.9 + tiny + 1.0).
    assert norm == pytest.approx(1e-3 / np.sqrt(1.9), rel=1e-3)


def test_average_in_fit_is_that_of_the_weights_after_each_step():
    """Parameters and batch-norm statistics, replayed from the weights that each step left."""
    model = small()
    trainer = trainer_of(model, average_decay=0.95)
    replay = ExponentialMovingAverage(0.95)
    variables = [keras.Variable(value, name=f"v{i}") for i, value in enumerate(model.get_weights())]
    replay.start(variables)
    seen = []
    after = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(model.get_weights())
    )
    trainer.fit(batches(100), callbacks=[after], verbose=0)
    assert len(seen) == 100
    for step, values in enumerate(seen, start=1):
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        replay.update(variables, step)
    for got, want in zip(trainer.average.averages, replay.averages, strict=True):
        assert np.abs(got.numpy() - want.numpy()).max() <= 1e-6 * np.abs(want.numpy()).max()


def test_optimizer_in_fit_is_tensorflow_1():
    """A model of one dense layer, 100 steps of `fit` beside the same gradients in TensorFlow 1."""
    rng = np.random.default_rng(0)
    pixels, labels = rng.normal(size=(400, 5)).astype("float32"), rng.integers(0, 3, 400)
    inputs = keras.Input((5,))
    layer = keras.layers.Dense(3, activation="softmax", use_bias=False, name="predictions")
    model = keras.Model(inputs, layer(inputs))
    start = layer.kernel.numpy()
    optimizer = optimizers.RMSprop(0.045, global_clipnorm=0.5)
    trainer = trainer_of(model, optimizer, weight_decay=1e-3, label_smoothing=0.1)
    trainer.fit(tf.data.Dataset.from_tensor_slices((pixels, labels)).batch(4), verbose=0)

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        kernel = tf.compat.v1.Variable(start)
        x = tf.compat.v1.placeholder(tf.float32, (4, 5))
        y = tf.compat.v1.placeholder(tf.int64, (4,))
        loss = tf.compat.v1.losses.softmax_cross_entropy(
            tf.one_hot(y, 3), x @ kernel, label_smoothing=0.1
        )
        loss += 1e-3 * tf.nn.l2_loss(kernel)
        original = tf.compat.v1.train.RMSPropOptimizer(0.045, 0.9, 0.9, 1.0)
        ((gradient, _),) = original.compute_gradients(loss)
        clipped, _ = tf.clip_by_global_norm([gradient], 0.5)
        step = original.apply_gradients([(clipped[0], kernel)])
        session.run(tf.compat.v1.global_variables_initializer())
        for i in range(0, 400, 4):
            session.run(step, {x: pixels[i : i + 4], y: labels[i : i + 4]})
        expected = session.run(kernel)
    assert np.abs(layer.kernel.numpy() - expected).max() / np.abs(expected).max() < 1e-6


def test_evaluation_counts_each_picture_once():
    """The last batch is smaller than the others, and an empty one adds nothing."""
    model = small()
    trainer = trainer_of(model)
    pixels, labels = images("validation")
    outputs = model(pixels)
    expected = np.mean(outputs.numpy().argmax(-1) == labels)
    data = tf.data.Dataset.from_tensor_slices((pixels, labels)).batch(9)
    measured = trainer.evaluate(data, verbose=0, return_dict=True)
    assert float(measured["top1_accuracy"]) == pytest.approx(expected)
    empty = trainer.figures(tf.constant(labels[:0]), outputs[:0])
    assert {name: float(value) for name, value in empty.items()} == {
        "loss": 0.0,
        "top1_accuracy": 0.0,
        "top5_accuracy": 0.0,
    }
