"""Gives a program an /opt/ml of its own, and becomes that program. A script: standard library only.

    python opt_ml.py FOLDER PROGRAM ARGUMENT...

SageMaker has the model in /opt/ml/model, and code that has this path written into it is to run here, too, in several
containers at once. So the program sees FOLDER as /opt/ml, in a mount namespace of its own (mount_namespaces(7)):
nothing of it is visible to any other process, nothing is written to the machine's /opt, and the kernel removes it with
the program's last process, even after `kill -9`. What else is in /opt stays visible. SAGEMAKER_BASE_DIR, by which the
toolkit finds the model, becomes /opt/ml.

Root may do that; other users may in a user namespace (user_namespaces(7)), in which they keep their user and group.
Where the machine forbids both, the program runs without an /opt/ml, SAGEMAKER_BASE_DIR stays, and standard error gets
a line that begins with `NONE_HERE`.
"""

from __future__ import annotations

import ctypes
import os
import stat
import sys
from pathlib import Path

OPT_ML = "/opt/ml"
NONE_HERE = "This machine allows no private /opt/ml: "

_OPT = "/opt"
# sched.h and sys/mount.h
_CLONE_NEWNS, _CLONE_NEWUSER = 0x00020000, 0x10000000
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000


def mount(folder: str) -> None:
    """Makes `folder` the /opt/ml of this process and its future children.

    Raises:
        OSError: The machine does not allow it. This process may be in a new namespace all the same, and be without
            its user and group in it.
    """
    _unshare()
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    source = os.open(folder, os.O_PATH)
    if not Path(OPT_ML).is_dir():
        _cover_opt()
        Path(OPT_ML).mkdir()
    _mount(_by_descriptor(source), OPT_ML, None, _MS_BIND | _MS_REC)
    os.close(source)


def _unshare() -> None:
    user, group = os.geteuid(), os.getegid()
    try:
        _call("unshare", _CLONE_NEWNS)
    except PermissionError:
        _call("unshare", _CLONE_NEWNS | _CLONE_NEWUSER)
        own = Path("/proc/self")
        # Without setgroups a user may map the own group; user_namespaces(7).
        (own / "setgroups").write_text("deny", encoding="ascii")
        (own / "uid_map").write_text(f"{user} {user} 1", encoding="ascii")
        (own / "gid_map").write_text(f"{group} {group} 1", encoding="ascii")


def _cover_opt() -> None:
    """Puts an empty folder over /opt, and in it everything that is in /opt."""
    hidden = os.open(_OPT, os.O_PATH)  # still leads to what is covered
    names = [path.name for path in Path(_OPT).iterdir()]
    _mount("tmpfs", _OPT, "tmpfs", 0, "mode=755")
    for name in names:
        source, target = Path(_by_descriptor(hidden), name), Path(_OPT, name)
        mode = source.lstat().st_mode
        if stat.S_ISLNK(mode):
            target.symlink_to(source.readlink())
            continue
        if stat.S_ISDIR(mode):
            target.mkdir()
        else:
            target.touch()
        _mount(str(source), str(target), None, _MS_BIND | _MS_REC)
    os.close(hidden)


def _by_descriptor(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"


def _mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    _call("mount", *texts[:3], ctypes.c_ulong(flags), texts[3])


def _call(name: str, *arguments: object) -> None:
    """Calls a function of the C library that returns 0 or sets errno."""
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)


def _why_not(folder: str) -> str | None:
    """Returns why `mount` fails here; None if it does not. Tried in a child: half of it cannot be undone."""
    child = os.fork()
    if child == 0:
        code = 0
        try:
            mount(folder)
        except OSError as error:
            code = error.errno or 1
        os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return os.strerror(code) if code else None


def main(arguments: list[str]) -> None:
    """Becomes the program of the arguments."""
    folder, *command = arguments
    reason = _why_not(folder)
    if reason is None:
        mount(folder)
        os.environ["SAGEMAKER_BASE_DIR"] = OPT_ML
    else:
        sys.stderr.write(f"{NONE_HERE}{reason}.\n")
        sys.stderr.flush()
    os.execvp(command[0], command)  # noqa: S606 - of process.py


if __name__ == "__main__":
    main(sys.argv[1:])
