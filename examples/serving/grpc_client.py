"""Classifies pictures with a TensorFlow Serving, by gRPC. Needs pip install ".[serving]".

python examples/serving/grpc_client.py picture.jpg more.png [--address=localhost:8500]
"""

import argparse
import pathlib

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

MODEL, SIGNATURE, INPUT = "inception", "serve_bytes", "image_bytes"
LARGEST = 64 << 20  # bytes in a message; gRPC's own limit is 4 MB


def request(encoded):
    """Returns the message for encoded pictures."""
    message = predict_pb2.PredictRequest()
    message.model_spec.name = MODEL
    message.model_spec.signature_name = SIGNATURE
    message.inputs[INPUT].CopyFrom(tf.make_tensor_proto(encoded, tf.string))
    return message


def answers(response):
    """Returns for each picture a list of (class name, probability), the likeliest first."""
    classes, scores = (tf.make_ndarray(response.outputs[name]) for name in ("classes", "scores"))
    return [
        [(name.decode(), float(score)) for name, score in zip(*row)] for row in zip(classes, scores)
    ]


def classify(encoded, address):
    """Returns for each encoded picture a list of (class name, probability), the likeliest first.

    Raises:
        grpc.RpcError: the server refuses the request.
    """
    options = [("grpc.max_send_message_length", LARGEST)]
    with grpc.insecure_channel(address, options) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        return answers(stub.Predict(request(encoded), timeout=60))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", nargs="+", type=pathlib.Path)
    parser.add_argument("--address", default="localhost:8500")
    arguments = parser.parse_args()
    found = classify([path.read_bytes() for path in arguments.pictures], arguments.address)
    for path, classes in zip(arguments.pictures, found):
        print(path)
        for name, probability in classes:
            print(f"  {probability:7.2%}  {name}")


if __name__ == "__main__":
    main()
