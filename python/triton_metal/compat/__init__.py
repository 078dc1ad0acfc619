# SPDX-License-Identifier: MIT
"""Stands in for upstream's `triton`: unmodified kernels and host code run.

    import triton_metal.compat as triton
    import triton_metal.compat.language as tl

or, where the code itself must say `import triton`:

    import triton_metal.compat
    triton_metal.compat.install()      # from here on `import triton` is this

or without touching the program: python3 -m triton_metal program.py arguments
"""
import sys

from triton_metal import *  # noqa: F401,F403 - everything that upstream's triton has
from triton_metal import (CompilationError, OutOfResources, backends, compiler, errors, knobs, language, runtime,
                          testing, tools)
from triton_metal import __all__ as _names
from triton_metal.language import extra as _extra  # noqa: F401
from triton_metal.runtime import driver as _driver  # noqa: F401

__version__ = "3.6.0"  # the dialect that is followed
__all__ = [*_names, "install"]


def _alias(prefix):
    """Lets `import prefix.x` give triton_metal's x, one object for both."""
    for name, module in list(sys.modules.items()):
        if name.startswith("triton_metal.") and not name.startswith("triton_metal.compat"):
            rest = name[len("triton_metal."):]
            if not rest.startswith("_"):
                sys.modules.setdefault(f"{prefix}.{rest}", module)
    for vendor in ("cuda", "hip"):
        sys.modules.setdefault(f"{prefix}.language.extra.{vendor}.libdevice", language.extra.libdevice)


_alias(__name__)


def install():
    """Makes `import triton` give this module, in this process."""
    there = sys.modules.get("triton")
    if there is not None and there is not sys.modules[__name__]:
        raise RuntimeError("another triton has been imported already; install() comes first")
    sys.modules["triton"] = sys.modules[__name__]
    _alias("triton")
