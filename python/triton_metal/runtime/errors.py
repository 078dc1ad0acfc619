# SPDX-License-Identifier: MIT
"""Upstream's triton.runtime.errors."""
from ..errors import AutotunerError, CompilationError as PTXASError, InterpreterError, OutOfResources

__all__ = ["AutotunerError", "InterpreterError", "OutOfResources", "PTXASError"]
