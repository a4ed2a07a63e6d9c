"""Settings of this process that make a CPU faster at the same arithmetic; without effect where they do not apply."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import torch

_PROCESSORS = Path("/proc/cpuinfo")
# Numbers of mallopt(3)'s parameters, and the largest threshold that glibc takes on 64 bits.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_MMAP_THRESHOLD = 32 * 1024 * 1024
_KEPT_BYTES = 256 * 1024 * 1024


def tune_cpu() -> None:
    """Tunes this process; to be called before its first product of matrices."""
    processors = _processors()
    _choose_matrix_kernels(processors)
    _keep_freed_memory()
    _use_assigned_cores(processors)


def _processors() -> list[dict[str, str]]:
    """Returns what Linux reports about each processor; none on other systems."""
    text = _PROCESSORS.read_text(encoding="utf-8", errors="replace") if _PROCESSORS.is_file() else ""
    pairs = ([line.partition(":") for line in block.splitlines()] for block in text.split("\n\n") if block.strip())
    return [{name.strip(): value.strip() for name, _, value in block} for block in pairs]


def _choose_matrix_kernels(processors: list[dict[str, str]]) -> None:
    """Makes MKL 2020.0 use its AVX2 kernels on AMD processors, where it takes those for SSE by itself.

    PyTorch 1.11 stays with that version because this variable works there (pytorch/builder#527); later versions of MKL
    ignore it. A value that is set already stays.
    """
    if processors and all(
        each.get("vendor_id") == "AuthenticAMD" and "avx2" in each.get("flags", "").split() for each in processors
    ):
        os.environ.setdefault("MKL_DEBUG_CPU_TYPE", "5")


def _keep_freed_memory() -> None:
    """Keeps up to 256 MB of freed memory: the pages of a tensor would else be mapped and cleared for each operation."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # glibc's
        mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)


def _use_assigned_cores(processors: list[dict[str, str]]) -> None:
    """Limits this worker to its share of the instance's cores, unless OMP_NUM_THREADS sets a number."""
    if os.environ.get("OMP_NUM_THREADS"):
        return
    assigned = os.sched_getaffinity(0)
    # Hyperthreads share the units that multiply: of the two of one core, the second adds nothing.
    cores = {
        (each.get("physical id"), each.get("core id", each["processor"]))
        for each in processors
        if int(each.get("processor", -1)) in assigned
    }
    workers = int(os.environ.get("SAGEMAKER_MODEL_SERVER_WORKERS") or 1)
    torch.set_num_threads(max(1, (len(cores) or len(assigned)) // workers))
