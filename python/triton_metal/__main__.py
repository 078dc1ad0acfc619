# SPDX-License-Identifier: MIT
"""python3 -m triton_metal [program.py arguments...]: runs a program that says
`import triton` on Metal; without a program checks the environment."""
import os
import runpy
import sys


def main():
    from triton_metal import compat
    from triton_metal.backends import metal

    if len(sys.argv) < 2:
        return 0 if metal.check_environment()["ok"] else 1
    compat.install()
    sys.argv = sys.argv[1:]
    sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
    runpy.run_path(sys.argv[0], run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main())
