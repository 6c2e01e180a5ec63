"""All measurements, next to other servers on the same machine: make bench, or python bench/run.py --help.

For sites each server runs on the first core and the clients on the last one; for WebDAV all share all cores, each
server as it comes, and dav-one-core takes some figures the other way. Rounds are interleaved (A B C A B C ...) and
the medians compared. A peer that is not installed is left out with a line that says so. The figures go into
bench/results/ as JSON too.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench import block_ids, crowd, dav, peers, push, site, stored  # noqa: E402
from bench.report import Report  # noqa: E402
from bench.scene import Scene  # noqa: E402

PARTS: dict[str, Callable[[Scene], None]] = {
    "site": site.static,
    "site-busy": site.busy,
    "dav-folders": dav.folders,
    "dav-puts": dav.puts,
    "dav-upload": dav.upload,
    "dav-mkcol": dav.collections,
    "dav-one-core": dav.on_one_core,
    "push": push.near,
    "push-far": push.far,
    "store-append": stored.appending,
    "store-import": stored.imports,
    "store-folder": stored.long_folder,
    "slow": crowd.slow_clients,
    "blocks-exists": block_ids.exists,
}
ON_ALL_CORES = ("dav-folders", "dav-puts", "dav-upload", "dav-mkcol", "push", "push-far")
PROGRAMS = {
    "blocks": ["bench/blocks.py"],
    "commits": ["-m", "bench.commits"],
    "imports": ["-m", "bench.imports", "small"],
}
"""Measurements of single packages, each a program of its own that prints what it finds."""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    names = ", ".join([*PARTS, *PROGRAMS])
    parser.add_argument("--only", action="append", metavar="NAME", help=f"parts that begin so: {names}")
    parser.add_argument("--rounds", type=int, default=0, help="rounds of each figure (5; 2 with --quick)")
    parser.add_argument("--seconds", type=float, default=0, help="length of a load (4; 2 with --quick)")
    parser.add_argument("--quick", action="store_true", help="short rounds, small files: a first impression")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="where scratch data lies")
    return parser.parse_args(arguments)


def chosen(names: list[str], only: list[str] | None) -> list[str]:
    """Those that begin with one of `only`; all if that is not given."""
    return [name for name in names if not only or any(name.startswith(each) for each in only)]


def main() -> None:
    """Run what is asked for; the exit code does not say whether goals were met."""
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that the servers are stopped too
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed has its byte code
    rounds = options.rounds or (2 if options.quick else 5)
    seconds = options.seconds or (2.0 if options.quick else 4.0)
    started = time.strftime("%Y-%m-%dT%H%M%S")
    report = Report()
    scratch = Path(tempfile.mkdtemp(prefix="mylist-bench-", dir=options.folder))
    scratch.chmod(0o755)
    try:
        for name in chosen(list(PARTS), options.only):
            print(f"\n== {name}  (load of the machine before: {os.getloadavg()[0]:.1f})", flush=True)
            one_core = name not in ON_ALL_CORES
            peers.pin_clients(one_core)
            run_part(Scene(report, scratch / name, rounds, seconds, options.quick, one_core), PARTS[name])
    finally:
        path = report.write(ROOT / "bench" / "results", started)
        report.print_goals()
        print(f"\nwritten to {path}")
        subprocess.run(["rm", "-rf", str(scratch)], check=False)
    peers.pin_clients(False)
    for name in chosen(list(PROGRAMS), options.only):
        print(f"\n== {name}", flush=True)
        subprocess.run([sys.executable, *PROGRAMS[name]], cwd=ROOT, check=False)


def run_part(scene: Scene, part: Callable[[Scene], None]) -> None:
    """One part; what fails in it is said, and the next one follows."""
    try:
        part(scene)
    except Exception as error:  # noqa: BLE001 the other parts are still worth their time
        scene.note(f"broke off: {type(error).__name__}: {error}")
    scene.report.print_new()
    scene.clean()


if __name__ == "__main__":
    main()
