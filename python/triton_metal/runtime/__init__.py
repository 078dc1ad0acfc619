# SPDX-License-Identifier: MIT
"""Upstream's triton.runtime: the driver, and names that it re-exports."""
from . import autotuner, driver as _driver_module, errors, jit
from .driver import driver
from ..autotuner import Autotuner, Config, Heuristics, autotune, heuristics
from ..errors import InterpreterError, OutOfResources
from ..jit import JITFunction, KernelInterface, MockTensor, TensorWrapper, reinterpret

__all__ = ["Autotuner", "Config", "Heuristics", "InterpreterError", "JITFunction", "KernelInterface", "MockTensor",
           "OutOfResources", "TensorWrapper", "autotune", "autotuner", "driver", "errors", "heuristics", "jit",
           "reinterpret"]
