# SPDX-License-Identifier: MIT
"""Names for AMD's GPUs."""
from .. import libdevice

__all__ = ["libdevice"]
