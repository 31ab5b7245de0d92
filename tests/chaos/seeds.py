"""Breaks imagejobs on one machine at random and checks that it keeps its promises: `make chaos`.

What breaks is drawn from a seed, which is printed and gives the same faults again: ARGS="--seed 17". Runs
share a machine until one fails; its logs are then kept. All of it is written to `chaos.json`.
"""

import argparse
import json
import shutil
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from support.chaos import plan as plans
from support.chaos.cluster import cluster_machine
from support.chaos.local_machine import local_machine
from support.chaos.machine import Machine
from support.chaos.plan import ONE_MACHINE, Place, Plan
from support.chaos.run import Result, run

KEPT = Path(".cache/chaos")
"""Where the logs of failed runs are kept."""
FIRST_SEED = 1


class Machines:
    """One machine of each kind, started when it is needed first, and again after a failure."""

    def __init__(self) -> None:
        self._running: dict[Place, tuple[Machine, ExitStack]] = {}

    def get(self, place: Place) -> Machine:
        """Return the machine of a kind."""
        if place not in self._running:
            after = ExitStack()
            wanted = cluster_machine() if place is Place.CLUSTER else local_machine(place)
            self._running[place] = (after.enter_context(wanted), after)
        return self._running[place][0]

    def drop(self, place: Place) -> None:
        """End the machine of a kind."""
        if place in self._running:
            self._running.pop(place)[1].close()

    def close(self) -> None:
        """End all machines."""
        for place in tuple(self._running):
            self.drop(place)


def main() -> int:
    """Run all plans and print a line for each; return 1 if something did not hold."""
    arguments = _arguments()
    seeds = arguments.seed or range(FIRST_SEED, FIRST_SEED + arguments.seeds)
    places = (Place.CLUSTER,) if arguments.cluster else ONE_MACHINE
    drawn = [plans.draw(seed, arguments.longest, places) for seed in seeds]
    if arguments.plan:
        sys.stdout.writelines(f"{each}\n" for each in drawn)
        return 0
    began, results, machines = time.monotonic(), list[Result](), Machines()
    try:
        for each in drawn:
            if time.monotonic() - began > 60 * arguments.minutes:
                break
            results.append(_run(machines, each))
    finally:  # also after Ctrl-C
        machines.close()
        _print_summary(results, time.monotonic() - began)
        Path("chaos.json").write_text(json.dumps([asdict(each) for each in results], indent=1) + "\n")
    return int(not results or any(each.wrong for each in results))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--seed", type=int, action="append", help="Run this seed; may be given several times."
    )
    parser.add_argument("--seeds", type=int, default=20, help="Run the seeds from 1 to this number (20).")
    parser.add_argument("--longest", type=float, default=4.0, help="Seconds of the longest fault (4).")
    parser.add_argument("--minutes", type=float, default=60.0, help="Begin no run after this time (60).")
    parser.add_argument("--cluster", action="store_true", help="Run on a control plane of Kubernetes.")
    parser.add_argument("--plan", action="store_true", help="Print what would be done.")
    return parser.parse_args()


def _run(machines: Machines, plan: Plan) -> Result:
    sys.stdout.write(f"{plan}\n")
    sys.stdout.flush()
    place = machines.get(plan.place)
    result = run(place, plan)
    for each in result.undone:
        sys.stdout.write(f"  not done: {each}\n")
    for each in result.wrong:
        sys.stdout.write(f"  WRONG: {each}\n")
    verdict = "FAILED" if result.wrong else "ok"
    sys.stdout.write(
        f"  {verdict}: {result.images} images; ended {result.settled_seconds:.1f} s after the last fault; "
        f"{result.seconds:.1f} s in all\n"
    )
    sys.stdout.flush()
    if result.wrong:
        _keep_logs(place, plan)
        machines.drop(plan.place)
    return result


def _keep_logs(place: Machine, plan: Plan) -> None:
    kept = KEPT / f"seed-{plan.seed}"
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(place.folder / "logs", kept)
    sys.stdout.write(f"  its logs: {kept}\n")


def _print_summary(results: list[Result], seconds: float) -> None:
    failed = [str(each.plan.seed) for each in results if each.wrong]
    done = sum(len(each.plan.faults) - len(each.undone) for each in results)
    images = sum(each.images for each in results)
    verdict = f"failed: {', '.join(failed)}" if failed else "everything held"
    sys.stdout.write(f"{len(results)} seeds, {done} faults, {images} images in {seconds:.0f} s; {verdict}\n")


if __name__ == "__main__":
    sys.exit(main())
