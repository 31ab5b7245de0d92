"""`make bench`: the worker's own step against sharp and pyvips, in one run.

All get the same inputs, make the same results, use one core and take turns. Each round starts every
contestant anew; the figure is the processor time of all its processes per image, the ratio is taken round
by round and the median shown. A machine that does other work at the same time slows all of them alike.
"""

import argparse
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import cases
import judge
import rivals
import sources
import table
from cases import Case

CACHE = Path(__file__).parents[2] / ".cache/bench"
REPORT = Path("bench-imaging.json")


def main() -> None:
    """Measure, print a table, write the JSON."""
    given = _arguments()
    contestants = {
        "worker": rivals.worker(),
        "plain": rivals.worker(plain=True),
        "sharp": rivals.sharp(CACHE),
        "vips": rivals.vips(CACHE),
    }
    running = {name: command for name, command in contestants.items() if command}
    folder, chosen = _choose_cases(given)
    results = []
    for case in chosen:
        rounds = [_run_round(case, folder, running, given, number) for number in range(given.rounds)]
        judged = {
            name: _judge(case, folder, name) for name in running if all(name in each for each in rounds)
        }
        results.append(table.Result(case, rounds, judged))
        sys.stdout.write(table.rows(results[-1]))
        sys.stdout.flush()
    REPORT.write_text(json.dumps(table.report(results), indent=1))
    sys.stdout.write(table.legend(REPORT))


def _choose_cases(given: argparse.Namespace) -> tuple[Path, tuple[Case, ...]]:
    if given.folder:
        return given.folder, cases.of_folder(given.folder)
    folder = CACHE / (hashlib.sha256(given.photo.read_bytes()).hexdigest()[:12] if given.photo else "made")
    sources.make(folder, given.photo)
    return folder, tuple(case for case in cases.CASES if not given.only or case.name in given.only)


def _run_round(
    case: Case, folder: Path, running: dict[str, list[str]], given: argparse.Namespace, number: int
) -> dict[str, table.Measured]:
    """Let each contestant do the case once; each round begins with another contestant."""
    names = list(running)
    order = names[number % len(names) :] + names[: number % len(names)]
    return {name: found for name in order if (found := _measure(case, folder, name, running[name], given))}


def _measure(
    case: Case, folder: Path, name: str, command: list[str], given: argparse.Namespace
) -> table.Measured | None:
    body = json.dumps(case.body(folder, given.seconds, _result_path(case, name)))
    done = subprocess.run(
        ["taskset", "-c", str(given.core), *command, body], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.stderr.write(f"{case.name} {name}: {done.stderr.strip().splitlines()[-1]}\n")
        return None
    return json.loads(done.stdout)


def _judge(case: Case, folder: Path, name: str) -> judge.Quality:
    return judge.judge(case, folder / case.source, _result_path(case, name), _ideals_folder(folder))


def _result_path(case: Case, name: str) -> Path:
    (CACHE / "out").mkdir(parents=True, exist_ok=True)
    return CACHE / "out" / f"{case.name}-{name}"


def _ideals_folder(folder: Path) -> Path:
    ideals = CACHE / "ideals" / hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
    ideals.mkdir(parents=True, exist_ok=True)
    return ideals


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "folder", nargs="?", type=Path, help="A folder of photos; without it the inputs are made."
    )
    parser.add_argument(
        "--photo", type=Path, help="The JPEG that the inputs are made of; 2725x2225 for T1 to be T1."
    )
    parser.add_argument("--only", nargs="*", help="Names of cases: T1 T2 ...")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--seconds", type=float, default=1.0, help="For each contestant in each round, at least two images."
    )
    parser.add_argument("--core", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
