"""Every network of the package is drawn whole, and its last grid is found."""

import pytest
from drawn_boxes import check
from weightless import layer_names, network, with_auxiliary_heads

import keras_inception
from keras_inception.analysis.visualize import draw
from keras_inception.analysis.visualize.head import class_output, last_grid
from keras_inception.analysis.visualize.network import Network

NETWORKS = [(info.id, info.variant) for info in keras_inception.list_models()]
EVERY_NETWORK = pytest.mark.parametrize(("model_id", "variant"), NETWORKS)


@EVERY_NETWORK
def test_is_drawn(model_id, variant):
    model = network(model_id, variant)
    names = layer_names(model)
    boxes, arrows = check(draw(model), names)
    assert len(arrows) == len(boxes) - 1
    check(draw(model, expand="all"), names)


@EVERY_NETWORK
def test_its_last_grid_is_found(model_id, variant):
    model = network(model_id, variant)
    expected = "block8" if variant == "facenet" else list(model.architecture.end_points)[-1]
    graph = Network(model)
    assert last_grid(graph, class_output(graph)).step.name == expected
    if model.architecture.auxiliary:
        graph = Network(with_auxiliary_heads(model))
        assert class_output(graph).step.name == "predictions"
        assert last_grid(graph, class_output(graph)).step.name == expected


@pytest.mark.parametrize("model_id", ["googlenet", "inception_v4"])
def test_auxiliary_heads_stand_beside(model_id):
    model = with_auxiliary_heads(network(model_id))
    boxes, arrows = check(draw(model), layer_names(model))
    assert len(arrows) == len(boxes) - 1
    names = [name for name in model.output if name.startswith("auxiliary")]
    assert {box.lines[0] for box in boxes if box.lines[0].startswith("aux")} == set(names)
