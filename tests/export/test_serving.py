"""The clients in examples/serving/, against a server on this machine that runs the SavedModel.

TensorFlow Serving itself is not here. The server does what its documentation says of requests: JSON
in rows, with base64 in `{"b64": ...}`; a `PredictRequest` by gRPC.
"""

import base64
import concurrent.futures
import http.server
import importlib.util
import io
import json
import pathlib
import sys
import threading

import bad_pictures
import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_inception import export

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples" / "serving"
NAMES = ["cat", "dog", "Kuh é"]


def example(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    keras.utils.set_random_seed(1)
    images = keras.Input((8, 8, 3))
    x = keras.layers.Flatten()(keras.layers.AveragePooling2D(4)(images))
    model = keras.Model(images, keras.layers.Dense(3, activation="softmax")(x), name="colours")
    export.saved_model(model, tmp_path_factory.mktemp("served") / "1", NAMES, top_k=2)
    return next(tmp_path_factory.getbasetemp().glob("served*/1"))


@pytest.fixture(scope="module")
def loaded(folder):
    return tf.saved_model.load(str(folder))


@pytest.fixture(scope="module")
def pictures():
    kinds = bad_pictures.whole()
    return [kinds[kind] for kind in ("jpeg", "png", "gif")]


@pytest.fixture(scope="module")
def expected(loaded, pictures):
    answers = loaded.signatures["serve_bytes"](image_bytes=tf.constant(pictures))
    return [
        [(label.decode(), pytest.approx(float(score), abs=1e-6)) for label, score in zip(*row)]
        for row in zip(answers["classes"].numpy(), answers["scores"].numpy())
    ]


@pytest.fixture
def rest_url(loaded):
    """A server on the loopback that answers as TensorFlow Serving's REST interface does."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = 200, {}
            try:
                assert self.path == "/v1/models/inception:predict"
                signature = loaded.signatures[given["signature_name"]]
                (spec,) = signature.structured_input_signature[1].values()
                rows = [row[spec.name] for row in given["instances"]]
                rows = [base64.b64decode(row["b64"], validate=True) for row in rows]
                found = signature(**{spec.name: tf.constant(rows, spec.dtype)})
                names = list(found)
                columns = [found[name].numpy().tolist() for name in names]
                answer = {"predictions": [dict(zip(names, row)) for row in zip(*columns)]}
            except tf.errors.InvalidArgumentError as error:
                status, answer = 400, {"error": error.message}
            content = json.dumps(answer, default=bytes.decode).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_rest(rest_url, pictures, expected):
    client = example("rest_client")
    assert client.classify(pictures, rest_url) == expected
    with pytest.raises(RuntimeError, match="is not a JPEG, PNG"):
        client.classify([b"no picture"], rest_url)
    assert client.classify(pictures[:1], rest_url) == expected[:1]


def test_a_status_takes_the_place_of_classes(monkeypatch):
    client = example("rest_client")
    rows = [{"classes": ["cat"], "scores": [1.0], "status": ""}, {"status": "too large"}]
    answer = io.BytesIO(json.dumps({"predictions": rows}).encode())
    monkeypatch.setattr(client.urllib.request, "urlopen", lambda *_, **__: answer)
    assert client.classify([b"", b""], "http://server") == [[("cat", 1.0)], [("too large", 0.0)]]


def test_load(rest_url, pictures, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "rest_client", example("rest_client"))
    (tmp_path / "a.jpg").write_bytes(pictures[0])
    words = [str(tmp_path / "a.jpg"), f"--url={rest_url}", "--requests=20", "--clients=4"]
    monkeypatch.setattr(sys, "argv", ["load_test.py", *words])
    example("load_test").main()
    printed = capsys.readouterr().out
    assert "pictures/s by 4" in printed
    assert "ms per request: median" in printed


def test_warm_up_requests_are_there(folder):
    (path,) = folder.glob("assets.extra/tf_serving_warmup_requests")
    records = list(tf.data.TFRecordDataset(str(path)))
    assert len(records) == 2
    assert b"serve_bytes" in records[0].numpy()


@pytest.mark.runtimes
class TestWithTheServingApi:
    @pytest.fixture(autouse=True)
    def api(self):
        pytest.importorskip("tensorflow_serving")

    def answer(self, loaded, request):
        """What the SavedModel gives for a `PredictRequest`, checked against its signature."""
        signature = loaded.signatures[request.model_spec.signature_name]
        specs = signature.structured_input_signature[1]
        assert set(request.inputs) == set(specs)
        inputs = {}
        for name, tensor in request.inputs.items():
            value = tf.make_ndarray(tensor)
            assert tensor.dtype == specs[name].dtype.as_datatype_enum
            assert specs[name].shape.is_compatible_with(value.shape)
            inputs[name] = tf.constant(value, specs[name].dtype)
        return signature(**inputs)

    def test_request(self, loaded, pictures, expected):
        from tensorflow_serving.apis import predict_pb2

        client = example("grpc_client")
        bytes_on_the_wire = client.request(pictures).SerializeToString()
        request = predict_pb2.PredictRequest.FromString(bytes_on_the_wire)
        assert request.model_spec.name == "inception"
        response = predict_pb2.PredictResponse()
        for name, value in self.answer(loaded, request).items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(value.numpy()))
        assert client.answers(response) == expected

    def test_over_a_wire(self, loaded, pictures, expected):
        import grpc
        from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

        answer, client = self.answer, example("grpc_client")

        class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
            def Predict(self, request, context):
                response = predict_pb2.PredictResponse()
                try:
                    found = answer(loaded, request)
                except tf.errors.InvalidArgumentError as error:
                    context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message[:200])
                for name, value in found.items():
                    response.outputs[name].CopyFrom(tf.make_tensor_proto(value.numpy()))
                return response

        server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
        address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        try:
            assert client.classify(pictures, address) == expected
            with pytest.raises(grpc.RpcError, match="is not a JPEG, PNG"):
                client.classify([b"no picture"], address)
            assert client.classify(pictures[:1], address) == expected[:1]
        finally:
            server.stop(None)

    def test_warm_up_requests_run(self, folder, loaded):
        from tensorflow_serving.apis import prediction_log_pb2

        (path,) = folder.glob("assets.extra/tf_serving_warmup_requests")
        names = []
        for record in tf.data.TFRecordDataset(str(path)):
            log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
            assert log.WhichOneof("log_type") == "predict_log"
            found = self.answer(loaded, log.predict_log.request)
            assert np.isfinite(found["probabilities"]).all()
            names.append(log.predict_log.request.model_spec.signature_name)
        assert names == ["serve_bytes", "serving_default"]

    def test_configurations_are_what_the_server_reads(self):
        from google.protobuf import text_format
        from tensorflow_serving.config import model_server_config_pb2

        text = (EXAMPLES / "models.config").read_text()
        read = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
        (model,) = read.model_config_list.config
        assert model.name == example("rest_client").MODEL == example("grpc_client").MODEL
        assert model.model_version_policy.latest.num_versions == 2
