"""Has documents read through the SageMaker SDK's AsyncPredictor, as its users do; prints the answers as JSON.

Runs in an environment of its own: `async_predictor.py ENDPOINT BUCKET FILE…`.
"""

import json
import os
import sys
from pathlib import Path

import sagemaker
from sagemaker.async_inference.waiter_config import WaiterConfig
from sagemaker.deserializers import BaseDeserializer, JSONDeserializer, StringDeserializer
from sagemaker.exceptions import AsyncInferenceModelError
from sagemaker.predictor import Predictor
from sagemaker.predictor_async import AsyncPredictor
from sagemaker.serializers import IdentitySerializer


def main(endpoint: str, bucket: str, *files: str) -> None:
    session = sagemaker.Session(default_bucket=bucket)

    def predictor(deserializer: BaseDeserializer) -> AsyncPredictor:
        serializer = IdentitySerializer(content_type="application/x-image")
        plain = Predictor(endpoint, sagemaker_session=session, serializer=serializer, deserializer=deserializer)
        return AsyncPredictor(plain)

    reader, patience = predictor(JSONDeserializer()), WaiterConfig(max_attempts=400, delay=1)
    waiting = [
        reader.predict_async(Path(file).read_bytes(), input_path=f"s3://{bucket}/sdk/{Path(file).name}")
        for file in files
    ]
    answers = [response.get_result(patience) for response in waiting]
    direct = reader.predict(Path(files[0]).read_bytes(), waiter_config=patience)
    # The SDK reads a failure as it would an answer, and a failure is no JSON.
    refused = predictor(StringDeserializer()).predict_async(b"no picture", input_path=f"s3://{bucket}/sdk/none.jpg")
    try:
        refusal = str(refused.get_result(patience))
    except AsyncInferenceModelError as error:
        refusal = f"refused: {error}"
    print(json.dumps({"answers": answers, "direct": direct, "refusal": refusal}))


if __name__ == "__main__":
    main(*sys.argv[1:])
    sys.stdout.flush()
    # The SDK's threads still poll, for a minute, each location at which nothing will be; the interpreter would wait.
    os._exit(0)
