"""A user's script that uses the whole client passes a strict type check."""

import os
import subprocess
import sys
from pathlib import Path

import async_endpoint

SCRIPT = """
import asyncio
from contextlib import aclosing, closing
from pathlib import Path
from typing import assert_type

from async_endpoint.client import AioEndpoint, AioJob, AsyncEndpoint, Job, JobResult, JobState


def blocking() -> None:
    endpoint = AsyncEndpoint("receipts", input_location="s3://inputs/by-hand/")
    job = endpoint.submit(Path("receipt.png"), inline=True, ttl=600)
    assert_type(job, Job)
    assert_type(job.result(timeout=600), JobResult)
    assert_type(job.cancel(), bool)
    with closing(endpoint.map(Path("receipts").glob("*.png"), ordered=False, inline=True, ttl=600)) as jobs:
        for job in jobs:
            print(job.document, job.error or (job.output and job.output.json()))


async def awaited() -> None:
    async with AioEndpoint("receipts", input_location="s3://inputs/by-hand/") as endpoint:
        assert_type(endpoint, AioEndpoint)
        job = await endpoint.submit(b"...", inline=True, inference_id="order-7")
        assert_type(job, AioJob)
        assert_type(await job, JobResult)
        assert_type(await job.status(), JobState)
        assert_type(await job.done(), bool)
        async with aclosing(endpoint.map([b"..."], timeout=600, accept="application/json")) as jobs:
            async for job in jobs:
                print(job.document, job.error or (job.output and job.output.json()))
        await endpoint.submit(b"...", inlined=True)  # WRONG


blocking()
asyncio.run(awaited())
"""


def test_a_script_passes_and_a_misspelt_option_does_not(tmp_path: Path) -> None:
    package = Path(async_endpoint.__file__).parent
    assert (package / "py.typed").is_file(), "or a type checker ignores the installed package"
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    wrong = SCRIPT.splitlines().index(next(line for line in SCRIPT.splitlines() if "# WRONG" in line)) + 1

    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--config-file=", str(script)],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(package.parent)},
        capture_output=True,
        text=True,
        check=False,
    )

    (error,) = (line for line in checked.stdout.splitlines() if ": error: " in line)
    assert error.startswith(f'script.py:{wrong}: error: Unexpected keyword argument "inlined" for "submit"')
