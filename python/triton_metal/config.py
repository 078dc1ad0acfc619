# SPDX-License-Identifier: MIT
"""Defaults of the process for kernels that say nothing themselves; set by
backends.metal.MPSDriver().set_kernel_config(). Kernels that have launched
keep what they were made with."""

num_warps = None
num_stages = None
