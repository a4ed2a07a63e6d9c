"""What the worker sets for the processor that it finds."""

import os
from pathlib import Path
import tempfile
import unittest
from unittest import mock

import torch

from archive_worker import ARCHIVE  # noqa: F401 - puts the archive's code on the import path

# isort: split
import cpu_tuning


def processors(count, *, vendor="AuthenticAMD", flags="sse2 avx2 fma", threads_a_core=1):
    return "".join(
        f"processor\t: {number}\nvendor_id\t: {vendor}\nflags\t\t: {flags}\nphysical id\t: 0\n"
        f"core id\t\t: {number // threads_a_core}\n\n"
        for number in range(count)
    )


class Cpu(unittest.TestCase):
    def tuned(self, text, *, cpus=4, **environment):
        """The environment and the number of threads after tuning on a machine with this /proc/cpuinfo."""
        with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, environment):
            for name in {"OMP_NUM_THREADS", "MKL_DEBUG_CPU_TYPE"} - set(environment):
                os.environ.pop(name, None)
            path = Path(folder, "cpuinfo")
            path.write_text(text)
            with mock.patch.object(cpu_tuning, "_PROCESSORS", path), mock.patch.object(
                os, "sched_getaffinity", return_value=set(range(cpus))
            ), mock.patch.object(torch, "set_num_threads") as set_threads:
                cpu_tuning.tune_cpu()
            threads = set_threads.call_args[0][0] if set_threads.called else None
            return os.environ.get("MKL_DEBUG_CPU_TYPE"), threads

    def test_an_amd_processor_with_avx2_gets_mkl_s_kernels_for_it(self):
        self.assertEqual(self.tuned(processors(4))[0], "5")

    def test_other_processors_are_left_to_mkl(self):
        self.assertIsNone(self.tuned(processors(4, vendor="GenuineIntel"))[0])
        self.assertIsNone(self.tuned(processors(4, flags="sse2 avx"))[0])
        self.assertIsNone(self.tuned("")[0])

    def test_a_value_that_is_set_stays(self):
        self.assertEqual(self.tuned(processors(4), MKL_DEBUG_CPU_TYPE="0")[0], "0")

    def test_a_worker_gets_a_thread_for_each_core_of_its_share(self):
        for workers, threads_a_core, expected in ((1, 1, 8), (2, 1, 4), (1, 2, 4), (4, 2, 1), (16, 1, 1)):
            with self.subTest(workers=workers, threads_a_core=threads_a_core):
                text = processors(8, threads_a_core=threads_a_core)
                found = self.tuned(text, cpus=8, SAGEMAKER_MODEL_SERVER_WORKERS=str(workers))
                self.assertEqual(found[1], expected)

    def test_only_assigned_cpus_count_and_without_linux_s_file_all_of_them_do(self):
        self.assertEqual(self.tuned(processors(8), cpus=3)[1], 3)
        self.assertEqual(self.tuned("", cpus=3)[1], 3)

    def test_a_number_of_threads_that_is_set_stays(self):
        self.assertIsNone(self.tuned(processors(4), OMP_NUM_THREADS="2")[1])


if __name__ == "__main__":
    unittest.main()
