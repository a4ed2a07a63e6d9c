"""`async-endpoint model check` on archives that process, reject, do not load and do not unpack."""

import json
import sys
from pathlib import Path

import pytest

from model_artifacts.pack import pack
from tests.cli.model_command import append, archive_of, run
from tests.emulator.containers.helpers import write_wheel
from tests.support.model_assembly import assembly, model

pytestmark = pytest.mark.serving


def test_a_processed_sample_is_reported_with_times_and_memory(
    example: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("check", archive_of(example), "--sample", sample, "--content-type", "application/json")

    as_json = run(*arguments, "--json", monkeypatch=monkeypatch)
    as_text = run(*arguments, monkeypatch=monkeypatch)

    assert as_json.exit_code == as_text.exit_code == 0, as_json.output
    found = json.loads(as_json.output)
    assert found["status"] == 200
    assert "shape" in json.loads(found["result"])
    assert found["load_seconds"] > 0
    assert found["second_result_seconds"] >= 0
    assert 300 < found["peak_memory_mb"] < 2000  # Java and the toolkit included
    assert found["content_type"] == "application/json"
    assert found["result_bytes"] == len(found["result"].encode())
    assert "failure" not in found
    assert "request.json (application/json) returned status 200 in" in as_text.output
    assert "The model was ready" in as_text.output


def test_an_archive_that_is_packed_for_another_image_gets_a_note(
    example: Path, sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example is plain code, which loads all the same."""
    archive = tmp_path / "model.tar.gz"
    pack(example, archive, image="pytorch-2.6")

    done = run("check", archive, "--sample", sample, "--content-type", "application/json", monkeypatch=monkeypatch)

    assert done.exit_code == 0, done.output
    note = "The archive is packed for the image pytorch-2.6, not for pytorch-1.11: pack it with --image pytorch-1.11."
    assert note in done.output.splitlines()


def test_a_document_that_is_rejected_fails_the_check(
    example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bad.json").write_text("{", encoding="utf-8")

    done = run(
        "check", archive_of(example), "--sample", tmp_path / "bad.json", "--content-type", "application/json",
        monkeypatch=monkeypatch,
    )  # fmt: skip

    assert done.exit_code == 1
    assert "bad.json (application/json) fails: 400: " in done.output


def test_a_model_that_does_not_load_is_reported_in_one_line(
    example: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (example / "my_model" / "model.pth").write_bytes(b"nothing that torch wrote")

    done = run("check", archive_of(example), "--sample", sample, monkeypatch=monkeypatch)

    assert done.exit_code == 1
    assert "The model does not load: _pickle.UnpicklingError: " in done.output
    assert "/opt/ml/model/code/inference.py" in done.output  # where
    assert "model-check-" not in done.output  # its temporary folder, which is gone


def test_code_that_uses_the_network_fails_the_check(
    example: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(
        example,
        "import urllib.request\ndef model_fn(model_dir):\n    urllib.request.urlopen('http://models.example/weights')",
    )

    done = run("check", archive_of(example), "--sample", sample, monkeypatch=monkeypatch)

    assert done.exit_code == 1
    assert "The container runs without a network (network isolation): 'models.example'" in done.output


def test_packages_are_installed_as_the_container_does_it(
    example: Path, sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_wheel(tmp_path, "greeting", "1.2")
    lines = f"# why\n--no-index\n--find-links {tmp_path}\ngreeting==1.2\n"
    (example / "code" / "requirements.txt").write_text(lines, encoding="utf-8")
    append(example, "import greeting\ndef output_fn(prediction, accept):\n    return 'with ' + greeting.VERSION")

    done = run(
        "check", archive_of(example), "--sample", sample, "--content-type", "application/json", monkeypatch=monkeypatch
    )

    assert done.exit_code == 0, done.output
    assert done.output.endswith("with 1.2\n")
    assert "one request at a time and a network, to install code/requirements.txt; --stage" in done.output


def test_packages_that_cannot_be_installed_are_reported_in_pips_words(
    example: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (example / "code" / "requirements.txt").write_text("--no-index\ngreeting==9\n", encoding="utf-8")

    done = run("check", archive_of(example), "--sample", sample, monkeypatch=monkeypatch)

    assert done.exit_code == 1
    assert "No matching distribution found for greeting==9" in done.output


def test_the_container_has_the_variables_that_are_named_and_none_of_the_shells(
    example: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(
        example,
        "import os\ndef output_fn(prediction, accept):\n"
        "    return ' '.join([os.environ['LABELS'], os.environ.get('MODEL_VERSION', '-'), str('MINE' in os.environ)])",
    )
    for name in ("MINE", "LABELS"):
        monkeypatch.setenv(name, "the shell's")
    folder = archive_of(example).parent / ("0123456789abcdef" * 4)
    folder.mkdir()
    arguments = ("--sample", sample, "--content-type", "application/json", "--environment", "LABELS=a=b")

    packed = run("check", archive_of(example).rename(folder / "model.tar.gz"), *arguments, monkeypatch=monkeypatch)
    foreign = run("check", archive_of(example), *arguments, monkeypatch=monkeypatch)

    assert packed.output.splitlines()[-1] == "a=b 0123456789ab False", packed.output
    assert foreign.output.splitlines()[-1] == "a=b - False", foreign.output


def test_the_container_of_a_stage_gets_its_variables_and_a_whole_batch(
    example: Path, sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(
        example,
        "import os\ndef output_fn(prediction, accept, context):\n"
        "    return '%s %s' % (os.environ['LABELS'], os.environ['MORE'])",
    )
    archive = archive_of(example)
    variables = {"SAGEMAKER_TS_BATCH_SIZE": "4", "SAGEMAKER_TS_MAX_BATCH_DELAY": "6000", "LABELS": "a", "MORE": "b"}
    printing = [sys.executable, "-c", f"print({str(archive)!r})"]
    folder = assembly(tmp_path, model(Environment=variables), executable=printing)
    arguments = ("--app", folder, "--sample", sample, "--content-type", "application/json")

    done = run("check", *arguments, "--environment", "MORE=c", "--json", monkeypatch=monkeypatch)

    found = json.loads(done.output)
    assert (done.exit_code, found["archive"], found["result"]) == (0, str(archive), "a c"), found
    assert found["batch_size"] == 4
    # Alone, each request waits for a batch that does not fill; four fill it.
    assert found["batch_seconds"] < 6 <= min(found["first_result_seconds"], found["second_result_seconds"])


def test_a_model_that_cannot_process_the_stages_batch_fails_the_check(
    example: Path, sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(
        example,
        "HAD = []\ndef output_fn(prediction, accept):\n"
        "    HAD.append(1)\n    if len(HAD) > 3:\n        raise ValueError('too many')\n    return 'one'",
    )
    variables = {"SAGEMAKER_TS_BATCH_SIZE": "2", "SAGEMAKER_TS_MAX_BATCH_DELAY": "6000"}
    folder = assembly(tmp_path, model(Environment=variables))
    arguments = ("--app", folder, "--sample", sample, "--content-type", "application/json")

    done = run("check", archive_of(example), *arguments, "--json", monkeypatch=monkeypatch)

    found = json.loads(done.output)
    assert (done.exit_code, found["status"]) == (1, 503), found
    assert found["failure"].startswith("one of 2 at once: 503: the worker did not return a result for each request")


def test_a_failure_of_the_second_request_is_told_with_the_models_traceback(
    example: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(
        example,
        "HAD = []\ndef output_fn(prediction, accept):\n"
        "    HAD.append(1)\n    if len(HAD) > 1:\n        raise ValueError('too many\\nof them')\n    return 'x' * 700",
    )
    arguments = ("--sample", sample, "--content-type", "application/json")
    done = run("check", archive_of(example), *arguments, monkeypatch=monkeypatch)
    assert done.exit_code == 1
    assert "request.json (application/json) fails: the second request: 500: ValueError: too many\n" in done.output
    assert done.output.endswith("  ValueError: too many\n  of them\n")
    assert ", in output_fn\n" in done.output
    assert "Torch worker started." not in done.output


def test_a_result_that_is_not_shown_completely_says_so(
    example: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(example, "def output_fn(prediction, accept):\n    return 'x' * 619")
    arguments = ("--sample", sample, "--content-type", "application/json")
    done = run("check", archive_of(example), *arguments, monkeypatch=monkeypatch)
    assert done.output.endswith(f"\n{'x' * 500}... (119 more characters; --json prints all)\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--stage", "dev", "--app", "."), "Name a --stage or an --app, not both."),
        (("README.md", "--folder", "."), "Name an archive or a --folder, not both."),
        (("--app", "docs"), "docs has no synthesised app"),
    ],
)
def test_options_that_contradict_are_wrong_usage(
    arguments: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run("check", *arguments, monkeypatch=monkeypatch)

    assert done.exit_code == 2
    assert said in done.output


@pytest.mark.parametrize("text", ["LABELS", "=x", "1A=x"])
def test_a_variable_without_a_name_or_value_is_wrong_usage(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run("check", "--environment", text, monkeypatch=monkeypatch)

    assert done.exit_code == 2
    assert "is not NAME=VALUE" in done.output


def test_all_that_the_container_logs_can_be_printed(
    example: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(example, "print('a line of the model')")

    done = run("check", archive_of(example), "--sample", sample, "--log", "--json", monkeypatch=monkeypatch)

    assert "MODEL_LOG - a line of the model" in done.stderr
    assert "Model server started." in done.stderr
    assert json.loads(done.stdout)["archive"].endswith("example.tar.gz")


def test_a_file_that_is_not_an_archive_is_an_error(
    tmp_path: Path, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.tar.gz").write_bytes(b"no archive")

    done = run("check", tmp_path / "model.tar.gz", "--sample", sample, monkeypatch=monkeypatch)

    assert done.exit_code == 1
    assert "model.tar.gz is not a complete gzip'd tar file" in done.output
