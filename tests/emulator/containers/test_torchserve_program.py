"""The one class of TorchServe's jar that is changed, and what becomes of a jar that is another than expected."""

import struct
import subprocess
import zipfile
from pathlib import Path

import pytest

from async_endpoint.emulator.containers import torchserve_program
from async_endpoint.emulator.containers.environment import ServingEnvironment
from async_endpoint.emulator.containers.torchserve_program import BUILDER, UnknownClassFileError, on_loopback

MEMBER = f"{BUILDER}.class"


@pytest.fixture
def frontend(serving: ServingEnvironment) -> Path:
    return serving.site_packages / "ts" / "frontend"


@pytest.mark.serving
def test_one_method_is_changed_and_nothing_else(frontend: Path) -> None:
    with zipfile.ZipFile(frontend / "model-server.jar") as jar:
        original = jar.read(MEMBER)
    changed = on_loopback(original)
    (constants,) = struct.unpack_from(">H", original, 8)
    (more,) = struct.unpack_from(">H", changed, 8)
    assert more - constants == 16
    assert changed.count(b"127.0.0.1") == 1
    assert original[:8] == changed[:8]
    # From the end backwards all is equal up to the method's code, of which less is left: no lines, no names.
    ending = next(n for n in range(1, len(original)) if original[-n] != changed[-n]) - 1
    starting = next(n for n in range(10, len(original)) if original[n] != changed[n])
    assert ending + starting > len(original) - 1500


@pytest.mark.serving
def test_java_loads_the_changed_class_before_the_jar_s(frontend: Path, tmp_path: Path) -> None:
    torchserve_program.keep_grpc_on_loopback(frontend, tmp_path)
    assert (tmp_path / MEMBER).is_file()
    # As TorchServe puts its class path together; the class has no main, which Java says after it has loaded it.
    command = ["java", "-Xlog:class+load", "-cp", f".:{frontend}/*", BUILDER.replace("/", ".")]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    (loaded,) = [line for line in run.stdout.splitlines() if f"{BUILDER.replace('/', '.')} source:" in line]
    assert loaded.endswith(f"source: file:{tmp_path}/")
    assert "VerifyError" not in run.stdout + run.stderr


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is not a class file"),
        (b"PK\x03\x04", "is not a class file"),
        (b"\xca\xfe\xba\xbe\0\0\0\x34\0\x02\x63", "unknown kind 99"),
        (b"\xca\xfe\xba\xbe\0\0\0\x34\0\x01" + bytes(14), "has no method forPort"),
    ],
)
def test_another_class_file_is_rejected(content: bytes, sentence: str) -> None:
    with pytest.raises(UnknownClassFileError, match=sentence):
        on_loopback(content)


def test_a_torchserve_without_the_class_is_rejected(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model-server.jar", "w") as jar:
        jar.writestr("org/pytorch/serve/ModelServer.class", b"")
    with pytest.raises(UnknownClassFileError, match=r"No jar in .* holds io/grpc"):
        torchserve_program.keep_grpc_on_loopback(tmp_path, tmp_path / "run")


def test_torchserve_measures_the_machine_once(tmp_path: Path) -> None:
    configuration = tmp_path / "torchserve.properties"
    configuration.write_text("default_response_timeout=60\nload_models=ALL")
    torchserve_program.spare_system_metrics(
        ["torchserve", "--start", "--ts-config", str(configuration), "--models", "m"]
    )
    assert configuration.read_text().splitlines() == [
        "default_response_timeout=60",
        "load_models=ALL",
        "metric_time_interval=2147483647",
    ]
    torchserve_program.spare_system_metrics(["torchserve", "--ts-config"])
