"""The command line under torchrun: rank 0 does what is asked, the others are its workers.

::

    torchrun --nnodes=2 --nproc-per-node=1 ... -m scenarios.launching run translation -w cpu:2,cpu:2
"""

from __future__ import annotations

import sys

VERBS = ("run", "validate", "calibrate")


def main(argv: list[str] | None = None) -> None:
    """Run `alloclab` with the ranks of torchrun as workers."""
    from realrun.hosts import Ranks, hosted, serve
    from simulator.errors import AlloclabError, unknown

    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        ranks = Ranks.of_environment()
        if not arguments or arguments[0] not in VERBS:
            raise unknown("verb", arguments[0] if arguments else "", VERBS, "scenarios.launching")
    except AlloclabError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    if ranks.rank > 0:
        serve(ranks)
        return
    if "--transport" not in arguments:
        arguments += ["--transport", "hosts"]
    with hosted(ranks):
        _command(arguments)


def _command(arguments: list[str]) -> None:
    from scenarios import cli

    sys.argv = ["alloclab", *arguments]
    cli.main()


if __name__ == "__main__":
    main()
