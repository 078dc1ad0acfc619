#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Gives TTIR text to upstream Triton's own parser and verifier.

    pip install triton
    python3 tests/upstream_verify.py FILE.ttir...

Prints OK or FAIL for each file and exits with 1 if one failed, with 2 if
Triton is not installed. Needs no GPU. Each file is read in a process of its
own, since a failed assertion inside of MLIR ends the process.
"""
import subprocess
import sys

READ = """
import sys
import triton._C.libtriton as t
context = t.ir.context()
t.ir.load_dialects(context)
module = t.ir.parse_mlir_module(sys.argv[1], context)
module.context = context
sys.exit(0 if module.verify() else 1)
"""


def check(path):
    """The messages of a failure, or None."""
    done = subprocess.run([sys.executable, "-c", READ, path],
                          capture_output=True, text=True)
    if done.returncode == 0:
        return None
    lines = [line for line in done.stderr.splitlines() if "error:" in line]
    return "\n".join(lines or done.stderr.splitlines()[-3:])


def main(paths):
    try:
        import triton
    except ImportError:
        print("triton is not installed", file=sys.stderr)
        return 2
    failed = 0
    for path in paths:
        message = check(path)
        failed += message is not None
        print(("OK   " if message is None else "FAIL ") + path)
        if message is not None:
            print(message)
    print(f"{len(paths) - failed} of {len(paths)} accepted "
          f"by Triton {triton.__version__}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
