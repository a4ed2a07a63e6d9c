"""Small models of every kind that the toolkit and TorchServe treat differently, as files of an archive.

The rules: sagemaker-inference 1.8.1 (transformer.py, decoder.py, encoder.py), sagemaker-pytorch-inference 2.0.10
(default_pytorch_inference_handler.py), TorchServe 0.6.0 (ts/protocol/otf_message_handler.py,
ts/model_service_worker.py, EnvironmentUtils.java, CodecUtils.java).
"""

from __future__ import annotations

from dataclasses import dataclass, field

DOCUMENT = b"[[1.0, 2.5]]"


@dataclass(frozen=True)
class Case:
    """A model.

    Attributes:
        name: What is special about it.
        files: The files of its archive; a content that begins with `torch:` is Python that saves a file at `path`.
        status: What the endpoint makes of the document: 200, the status of the failure, or 0 where nothing loads.
        reason: What the check says, in part, if there is no 2xx.
        environment: Variables of the Model beside SAGEMAKER_PROGRAM.
    """

    name: str
    files: dict[str, str]
    status: int
    reason: str = ""
    environment: dict[str, str] = field(default_factory=dict)


# TorchServe 0.12.0 waits for as long for what it takes for the rest of a response, by default two minutes.
SOON = {"SAGEMAKER_TS_RESPONSE_TIMEOUT": "10"}
# What a case leaves out.
FUNCTIONS = {
    "model_fn": "def model_fn(model_dir):\n    return lambda data: 2 * data\n",
    "input_fn": "def input_fn(body, content_type):\n    return torch.tensor(json.loads(body))\n",
    "predict_fn": "def predict_fn(data, model):\n    return model(data)\n",
    "output_fn": "def output_fn(prediction, accept):\n    return json.dumps(prediction.tolist())\n",
}
IMPORTS = "import json, os, signal, sys\nimport numpy\nimport torch\n"
SCRIPTED = "torch:torch.jit.script(torch.nn.Linear(2, 1)).save(path)"
UNSENDABLE = "which TorchServe cannot send: return text or bytes"


def code(**functions: str | None) -> str:
    """Returns an inference.py: the four functions, each replaced by the text of its name, or left out for None."""
    texts = {**FUNCTIONS, **functions}
    return IMPORTS + "".join(text for text in texts.values() if text is not None)


def returning(expression: str) -> dict[str, str]:
    """Returns the files of a model whose output_fn returns an expression."""
    return {"code/inference.py": code(output_fn=f"def output_fn(prediction, accept):\n    return {expression}\n")}


def script(**functions: str | None) -> dict[str, str]:
    return {"code/inference.py": code(**functions)}


LOADS = "def model_fn(model_dir):\n    factor = {}\n    return lambda data: factor * data\n"
TOOLKIT = "from sagemaker_inference.errors import BaseInferenceToolkitError\n"
PAIR_BEYOND_ASCII = (
    "def predict_fn(data, model):\n    return data\n"
    "def output_fn(prediction, accept):\n    return 'x', 'text/\\u043f\\u043b'\n"
)
TOOLKIT_ERROR = (
    f"{TOOLKIT}def input_fn(body, content_type):\n"
    "    raise BaseInferenceToolkitError(422, 'The values are not positive.', 'Unprocessable Entity')\n"
)
MODULE = (
    "class Net(torch.nn.Module):\n    def forward(self, data):\n        return 3 * data\n"
    "def model_fn(model_dir):\n    return Net()\n"
)

CASES = [
    # -- functions ---------------------------------------------------------------------------------------------------
    Case("model_fn alone", script(model_fn=MODULE, input_fn=None, predict_fn=None, output_fn=None), 200),
    Case("no output_fn", script(output_fn=None), 200),
    Case(
        "transform_fn",
        script(
            input_fn=None,
            predict_fn=None,
            output_fn="def transform_fn(model, body, content_type, accept):\n    return body, content_type\n",
        ),
        200,
    ),
    Case(
        "transform_fn beside input_fn",
        script(predict_fn="def transform_fn(model, body, content_type, accept):\n    return body\n"),
        0,
        "ValueError: Cannot use transform_fn implementation in conjunction with",
    ),
    Case(
        "a context argument",
        script(
            model_fn="def model_fn(model_dir, context):\n    return lambda data: data\n",
            input_fn="def input_fn(body, content_type, context):\n    return torch.tensor(json.loads(body))\n",
            predict_fn="def predict_fn(data, model, context):\n    return data\n",
            output_fn="def output_fn(prediction, accept, context):\n"
            "    return json.dumps([prediction.tolist(), context.system_properties['batch_size']])\n",
        ),
        200,
    ),
    Case(
        "model_fn without a parameter",
        script(model_fn="def model_fn():\n    return 1\n"),
        0,
        "TypeError: model_fn takes 0 arguments but 1 were given",
    ),
    Case(
        "predict_fn with one parameter",
        script(predict_fn="def predict_fn(data):\n    return data\n"),
        500,
        "500: TypeError: predict_fn takes 1 arguments but 2 were given",
    ),
    Case(
        "async output_fn",
        script(output_fn="async def output_fn(prediction, accept):\n    return 'text'\n"),
        503,
        "503: the result is a coroutine, which the toolkit does not await",
    ),
    # -- results -----------------------------------------------------------------------------------------------------
    Case("text beyond ASCII", returning("'Stra\\u00dfe \\U0001f600'"), 200),
    Case("bytes", returning("b'\\x00\\xff\\x01'"), 200),
    Case("a pair with a content type", returning("('<p>yes</p>', 'text/html')"), 200),
    Case("a dict", returning("{'prediction': prediction.tolist()}"), 200),
    Case("None", returning("None"), 200),
    Case("a tensor", returning("prediction"), 200),
    Case("a numpy array", returning("prediction.numpy()"), 503, f"503: the result is a numpy.ndarray, {UNSENDABLE}"),
    Case(
        "a numpy number in a dict",
        returning("{'score': prediction.numpy().max()}"),
        503,
        f"503: the result holds a numpy.float32, {UNSENDABLE}",
    ),
    Case("a generator", returning("(x for x in 'ab')"), 503, f"503: the result is a generator, {UNSENDABLE}"),
    Case("a set in a list", returning("[{1, 2}]"), 503, f"503: the result holds a set, {UNSENDABLE}"),
    Case(
        "an object of a class of its own",
        script(output_fn="class Answer:\n    pass\ndef output_fn(prediction, accept):\n    return Answer()\n"),
        503,
        f"503: the result is an Answer, {UNSENDABLE}",
    ),
    Case(
        "a large result",
        returning("'x' * 3000"),
        500,
        "500: the result has 3000 bytes, more than the 2000 bytes that TorchServe takes",
        {"TS_MAX_RESPONSE_SIZE": "2000"},
    ),
    # -- where things are, and variables -----------------------------------------------------------------------------
    Case(
        "a relative path",
        script(model_fn=LOADS.format("int(open('my_model/factor').read())")) | {"my_model/factor": "5"},
        200,
    ),
    Case(
        "a path in /opt/ml/model",
        script(model_fn=LOADS.format("int(open('/opt/ml/model/my_model/factor').read())")) | {"my_model/factor": "6"},
        200,
    ),
    Case("model_dir itself", returning("os.getcwd() + ' ' + os.environ['SAGEMAKER_BASE_DIR']"), 200),
    Case("a variable of the Model", returning("os.environ['LABELS']"), 200, environment={"LABELS": "a,b"}),
    Case("MODEL_VERSION", returning("os.environ['MODEL_VERSION']"), 200, environment={"MODEL_VERSION": "0123456789ab"}),
    Case(
        "weights from the network",
        script(model_fn=LOADS.format("__import__('urllib.request').request.urlopen('http://models.example/w').read()")),
        0,
        "The container runs without a network (network isolation): 'models.example' cannot be reached.",
    ),
    Case("another program", {"code/serve.py": code()}, 200, environment={"SAGEMAKER_PROGRAM": "serve.py"}),
    Case(
        "a folder too many",
        {"model/code/inference.py": code()},
        0,
        "it has model/code/inference.py: pack what is inside of model/",
    ),
    Case("code on top of the archive", {"inference.py": code()}, 200),
    Case("TorchScript on top, without code", {"model.pth": SCRIPTED}, 200),
    Case(
        "two TorchScript files",
        {"model.pth": SCRIPTED, "best.pt": SCRIPTED},
        0,
        "ValueError: Exactly one .pth or .pt file is required for PyTorch models: ['",
    ),
    # -- errors ------------------------------------------------------------------------------------------------------
    Case("an exception in model_fn", script(model_fn=LOADS.format("1 / 0")), 0, "ZeroDivisionError: division by zero"),
    Case(
        "an exception in input_fn",
        script(input_fn="def input_fn(body, content_type):\n    raise ValueError('no page')\n"),
        500,
        "500: ValueError: no page",
    ),
    Case(
        "an exception in predict_fn",
        script(predict_fn="def predict_fn(data, model):\n    return data @ data\n"),
        500,
        "500: RuntimeError: mat1 and mat2 shapes cannot be multiplied",
    ),
    Case("an exception in output_fn", returning("prediction['x']"), 500, "500: TypeError: new(): invalid data type"),
    *(
        Case(
            name,
            script(input_fn=f"{TOOLKIT}def input_fn(body, content_type):\n    {statement}\n", **functions),
            500,
            "500: the error message (or content type) has characters beyond ASCII",
            SOON,
        )
        for name, statement, functions in (
            ("a message beyond ASCII", "raise ValueError('Gr\\u00f6\\u00dfe fehlt')", {}),
            ("a message that ends beyond ASCII", "raise KeyError('Stra\\u00dfe\\u00e9')", {}),
            ("a phrase beyond ASCII", "raise BaseInferenceToolkitError(422, 'no', 'keine Gr\\u00f6\\u00dfe')", {}),
            ("a content type beyond ASCII", "return 1", {"predict_fn": None, "output_fn": PAIR_BEYOND_ASCII}),
        )
    ),
    Case("an error with a status", script(input_fn=TOOLKIT_ERROR), 422, "422: The values are not positive."),
    Case(
        "a module that is missing",
        {"code/inference.py": "import not_there\n" + code()},
        0,
        "ModuleNotFoundError: No module named 'not_there'",
    ),
    Case(
        "sys.exit in model_fn",
        script(model_fn=LOADS.format("sys.exit(3)")),
        0,
        "its worker process ended without an exception",
    ),
    Case(
        "a signal in predict_fn",
        script(predict_fn="def predict_fn(data, model):\n    os.kill(os.getpid(), signal.SIGSEGV)\n"),
        500,
        "500: the worker process ended while it had the document",
    ),
]
