"""Sends one picture many times to your own TensorFlow Serving, by REST, and prints the times.

python examples/serving/load_test.py picture.jpg [--requests=500 --clients=8 --batch_size=1]
"""

import argparse
import concurrent.futures
import pathlib
import statistics
import time

import rest_client


def measure(encoded, url, requests, clients, batch):
    """Returns the total time and the sorted times of all requests, in seconds."""

    def once(_):
        start = time.perf_counter()
        rest_client.classify([encoded] * batch, url)
        return time.perf_counter() - start

    once(0)  # fails at once if there is no server
    start = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        seconds = sorted(pool.map(once, range(requests)))
    return time.perf_counter() - start, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture", type=pathlib.Path)
    parser.add_argument("--url", default="http://localhost:8501")
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--batch_size", type=int, default=1, help="pictures in a request")
    arguments = parser.parse_args()
    encoded = arguments.picture.read_bytes()
    whole, seconds = measure(
        encoded, arguments.url, arguments.requests, arguments.clients, arguments.batch_size
    )
    p95, p99 = (seconds[min(len(seconds) - 1, int(q * len(seconds)))] for q in (0.95, 0.99))
    print(
        f"{arguments.requests * arguments.batch_size / whole:.1f} pictures/s by {arguments.clients}"
    )
    print(f"ms per request: median {1e3 * statistics.median(seconds):.1f}, ", end="")
    print(f"95 % {1e3 * p95:.1f}, 99 % {1e3 * p99:.1f}, most {1e3 * seconds[-1]:.1f}")


if __name__ == "__main__":
    main()
