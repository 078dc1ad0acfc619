# SPDX-License-Identifier: MIT
"""Names for NVIDIA's GPUs; docs/language.md says which mean something here."""
from .. import libdevice
from ...core import builtin


@builtin
def globaltimer():
    """A clock, which Metal's kernels cannot read: refused."""


@builtin
def smid():
    """The core that runs the program, which Metal does not tell: refused."""


@builtin
def num_warps():
    """How many simdgroups the program has."""


@builtin
def num_threads():
    """How many threads the program has."""


@builtin
def gdc_wait():
    """Without effect: launches of a stream are in order."""


@builtin
def gdc_launch_dependents():
    """Without effect: launches of a stream are in order."""


__all__ = ["gdc_launch_dependents", "gdc_wait", "globaltimer", "libdevice", "num_threads", "num_warps", "smid"]
