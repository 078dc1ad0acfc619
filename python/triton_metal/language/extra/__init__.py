# SPDX-License-Identifier: MIT
"""What lies beside the language: libdevice, and names for other GPUs."""
from . import cuda, hip, libdevice

__all__ = ["cuda", "hip", "libdevice"]
