"""Classifies pictures with a TensorFlow Serving, by REST. It needs no package.

python examples/serving/rest_client.py picture.jpg more.png [--url=http://localhost:8501]
"""

import argparse
import base64
import json
import pathlib
import sys
import urllib.error
import urllib.request

MODEL, SIGNATURE, INPUT = "inception", "serve_bytes", "image_bytes"


def body(encoded):
    """Returns the JSON of a request for encoded pictures."""
    instances = [{INPUT: {"b64": base64.b64encode(data).decode()}} for data in encoded]
    return json.dumps({"signature_name": SIGNATURE, "instances": instances}).encode()


def classify(encoded, url):
    """Returns for each encoded picture a list of (class name, probability), the likeliest first.

    Raises:
        RuntimeError: the server refuses the request; the message is the server's.
    """
    request = urllib.request.Request(
        f"{url}/v1/models/{MODEL}:predict", body(encoded), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            answers = json.load(response)["predictions"]
    except urllib.error.HTTPError as error:
        raise RuntimeError(json.load(error)["error"]) from error
    return [
        [(answer["status"], 0.0)]  # a lenient model cannot read this picture
        if answer.get("status")
        else list(zip(answer["classes"], answer["scores"]))
        for answer in answers
    ]


def show(paths, found):
    """Prints the classes of each picture."""
    for path, classes in zip(paths, found):
        print(path)
        for name, probability in classes:
            print(f"  {probability:7.2%}  {name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", nargs="+", type=pathlib.Path)
    parser.add_argument("--url", default="http://localhost:8501")
    arguments = parser.parse_args()
    found = classify([path.read_bytes() for path in arguments.pictures], arguments.url)
    show(arguments.pictures, found)


if __name__ == "__main__":
    try:
        main()
    except (OSError, RuntimeError) as error:
        sys.exit(str(error))
