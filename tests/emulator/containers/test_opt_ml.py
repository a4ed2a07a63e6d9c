"""The script that gives a program its own /opt/ml, run for real; programs here look at it with a shell."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from async_endpoint.emulator.containers import opt_ml
from tests.emulator.containers.helpers import eventually, has_private_opt_ml

MOUNTING = [sys.executable, "-I", "-S", opt_ml.__file__]
# Namespaces of mounts are used up: no program below can make one.
FORBIDDEN = [
    "unshare",
    "--user",
    "--map-root-user",
    "sh",
    "-c",
    'echo 0 > /proc/sys/user/max_mnt_namespaces; exec "$@"',
    "sh",
]


needs_mounts = pytest.mark.skipif(not has_private_opt_ml(), reason="this machine allows no private mounts")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "ml"
    (made / "model").mkdir(parents=True)
    (made / "model" / "weights").write_text("some")
    return made


def look(folder: Path, script: str, *, before: list[str] | None = None) -> "subprocess.CompletedProcess[str]":
    command = [*(before or []), *MOUNTING, str(folder), "sh", "-c", script]
    variables = os.environ | {"SAGEMAKER_BASE_DIR": str(folder)}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=variables)


@needs_mounts
def test_the_program_sees_the_folder_as_opt_ml_and_nobody_else_does(folder: Path) -> None:
    seen = look(folder, "cat /opt/ml/model/weights; echo; echo $SAGEMAKER_BASE_DIR; echo new > /opt/ml/model/made")
    assert seen.stdout == "some\n/opt/ml\n"
    assert (folder / "model" / "made").read_text() == "new\n"
    assert not Path("/opt/ml/model/weights").exists()


@needs_mounts
def test_what_is_written_belongs_to_the_user(folder: Path) -> None:
    ids = look(folder, "id -u; id -g; touch /opt/ml/model/made").stdout.split()
    made = (folder / "model" / "made").stat()
    assert ids == [str(os.getuid()), str(os.getgid())]
    assert (made.st_uid, made.st_gid) == (os.getuid(), os.getgid())


@needs_mounts
def test_everything_else_in_opt_stays(folder: Path) -> None:
    before = {path.name for path in Path("/opt").iterdir()}
    assert set(look(folder, "ls -A /opt").stdout.split("\n")) - {""} == before | {"ml"}
    assert {path.name for path in Path("/opt").iterdir()} == before


@needs_mounts
def test_two_at_once_have_their_own_and_a_kill_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    other = shutil.copytree(folder, tmp_path / "other")
    script = "echo $1 > /opt/ml/model/who; sleep 600"
    both = [
        subprocess.Popen([*MOUNTING, str(each), "sh", "-c", script, "sh", each.name], start_new_session=True)
        for each in (folder, other)
    ]
    files = [folder / "model" / "who", other / "model" / "who"]
    try:
        assert eventually(lambda: all(file.exists() and file.read_text() for file in files), 10)
    finally:
        for process in both:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert [file.read_text() for file in files] == ["ml\n", "other\n"]
    assert str(folder) not in Path("/proc/self/mountinfo").read_text()
    shutil.rmtree(folder)  # nothing holds it


def test_the_exit_code_and_the_process_are_the_programs(folder: Path) -> None:
    with subprocess.Popen([*MOUNTING, str(folder), "sh", "-c", "echo $$; exit 7"], stdout=subprocess.PIPE) as process:
        said = process.communicate()[0]
    assert process.returncode == 7
    assert int(said) == process.pid


@pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run([*FORBIDDEN, "true"], capture_output=True, check=False).returncode != 0,
    reason="user namespaces are needed to forbid mounts",
)
def test_where_the_machine_forbids_it_the_program_runs_without(folder: Path) -> None:
    done = look(folder, "echo $SAGEMAKER_BASE_DIR", before=FORBIDDEN)
    assert done.stdout == f"{folder}\n"
    assert done.stderr.startswith(opt_ml.NONE_HERE)
