"""Run as a program by a test: runs jobs of the kind `gate`, never lets one through, and waits to be killed.

Argument: the data directory. It prints a line when a job has begun.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.services.job_bench import Gate, library_in


def main(data: str) -> None:
    with library_in(Path(data)) as library:
        gate = Gate()
        library.jobs.register(gate.kind())
        library.start_jobs()
        gate.began.wait()
        sys.stdout.write("began\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
