# SPDX-License-Identifier: MIT
"""Upstream's triton.runtime.autotuner."""
from ..autotuner import Autotuner, Config, Heuristics, autotune, heuristics

__all__ = ["Autotuner", "Config", "Heuristics", "autotune", "heuristics"]
