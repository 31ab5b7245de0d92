"""Plays lives of one job without servers, drawn from seeds, and checks that its promises hold.

A life that breaks one is made short and printed; its seed gives it again: --seed 17.
"""

import argparse
import logging
import sys
import time

from support.operator.lives import live

FIRST_SEED = 1


def main() -> int:
    """Play the lives; return 1 if one broke a promise."""
    arguments = _arguments()
    logging.disable(logging.CRITICAL)
    seeds = arguments.seed or range(FIRST_SEED, FIRST_SEED + arguments.seeds)
    began, wrong = time.monotonic(), 0
    for seed in seeds:
        if broken := live(seed, arguments.events):
            wrong += 1
            sys.stdout.write(f"seed {seed}\n{broken}\n")
    seconds = time.monotonic() - began
    sys.stdout.write(f"{len(seeds)} lives of {arguments.events} events in {seconds:.1f} s, {wrong} failed\n")
    return int(wrong > 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, action="append", help="Play this seed; may be given again.")
    parser.add_argument("--seeds", type=int, default=1000, help="Play the seeds from 1 to this one (1000).")
    parser.add_argument("--events", type=int, default=200, help="Events in each life (200).")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
