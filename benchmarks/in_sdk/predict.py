"""Sends documents through the SageMaker SDK's AsyncPredictor with its defaults; prints one JSON object.

Runs in an environment of its own: `predict.py ENDPOINT BUCKET THREADS SPEED FILE…`. The pauses of the SDK's waiters are
divided by SPEED. With 1 they are as they are, and the process ends with the last result. Otherwise it ends by itself,
as a user's does: once the waiters have made their last attempts for failures that never come.
"""

import json
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import botocore.waiter
import sagemaker
from sagemaker.deserializers import JSONDeserializer
from sagemaker.predictor import Predictor
from sagemaker.predictor_async import AsyncPredictor
from sagemaker.serializers import IdentitySerializer


def main(endpoint: str, bucket: str, threads: str, speed: str, *files: str) -> None:
    """Measures how old each result is when the SDK returns it."""
    divisor = float(speed)
    if divisor != 1:
        botocore.waiter.time = SimpleNamespace(sleep=lambda seconds: time.sleep(seconds / divisor))
    session = sagemaker.Session(default_bucket=bucket)
    session.default_bucket()  # it looks once whether the bucket is there, not for each document
    serializer = IdentitySerializer(content_type="application/x-image")
    plain = Predictor(endpoint, sagemaker_session=session, serializer=serializer, deserializer=JSONDeserializer())
    predictor = AsyncPredictor(plain)

    def predict(file: str) -> float:
        document = Path(file).read_bytes()
        result = predictor.predict(document)
        if result["bytes"] != len(document):
            raise RuntimeError(f"{file} has {len(document)} bytes, and its result says {result['bytes']}.")
        return time.monotonic() - result["written_at"]

    began = time.monotonic()
    with ThreadPoolExecutor(int(threads)) as pool:
        delays = list(pool.map(predict, files))
    measured = {"seconds": time.monotonic() - began, "delay": statistics.median(delays), "delays": len(delays)}
    print(json.dumps({**measured, "version": sagemaker.__version__}), flush=True)
    if divisor == 1:
        os._exit(0)  # its waiters for failures would hold up the exit for 15 minutes


if __name__ == "__main__":
    main(*sys.argv[1:])
