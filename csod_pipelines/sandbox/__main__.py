"""`python -m csod_pipelines.sandbox --vendor administrate --port 8081`."""

from __future__ import annotations

import argparse
import sys

import orjson

from csod_pipelines.sandbox.serve import VENDORS, serve


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="csod_pipelines.sandbox",
        description="One vendor as a local HTTP server, with fault knobs.",
    )
    parser.add_argument("--vendor", choices=VENDORS, required=True)
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one and prints it")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same world")
    parser.add_argument(
        "--size",
        default="small",
        help="small, medium, large, or a JSON object of counts",
    )
    arguments = parser.parse_args()
    size = orjson.loads(arguments.size) if arguments.size.startswith("{") else arguments.size
    return serve(arguments.vendor, port=arguments.port, seed=arguments.seed, size=size)


if __name__ == "__main__":
    sys.exit(main())
