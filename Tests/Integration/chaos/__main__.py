"""python -m chaos --parley BINARY --rounds N [--seed S]"""

import argparse
import os
import signal
import sys
import time


def main():
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--parley", help="the gateway's program; otherwise the checkout's release build")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=None, help="the same seed, the same messages and faults")
    parser.add_argument("--sockets", type=int, default=200)
    parser.add_argument("--gateways", type=int, choices=(1, 2), default=1, help="on one database, behind one proxy")
    parser.add_argument("--first", type=int, default=1, help="the number of the first round")
    parser.add_argument("--fault", default=None, help="only this one, by a part of its name")
    parser.add_argument("--keep-going", action="store_true", help="do not end with the first round that fails")
    options = parser.parse_args()
    if options.parley:
        os.environ["PARLEY_BINARY"] = os.path.abspath(options.parley)
    # An end that is asked for runs the endings too: what was started must not be left.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    seed = options.seed if options.seed is not None else int.from_bytes(os.urandom(3), "big")

    from .load import Plan
    from .run import run

    plan = Plan().with_sockets(options.sockets)
    started = time.monotonic()
    try:
        passed, failed = run(options.rounds, seed, plan, gateways=options.gateways, first=options.first,
                             fault=options.fault, keep_going=options.keep_going, write=lambda line: print(line, flush=True))
    except KeyboardInterrupt:
        print(f"stopped (seed {seed})")
        sys.exit(130)
    print(f"{time.monotonic() - started:.0f} s")
    print(f"{passed} rounds passed, {failed} failed (seed {seed})")
    sys.exit(1 if failed or passed < options.rounds else 0)


if __name__ == "__main__":
    main()
