# SPDX-License-Identifier: MIT
"""The structures of _c.py lie as those of the header, whose sizes and last
fields include/abi.txt lists. A structure here may end earlier."""
import ctypes
import os
import re

import pytest

from triton_metal import _c, _dlpack

LIST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "include", "abi.txt")
STRUCTURES = {
    "tm_arg": _c.Arg, "tm_define": _c.Define, "tm_descriptor": _c.Descriptor, "tm_launch_options": _c.LaunchOptions,
    "tm_function_options": _c.FunctionOptions, "tm_config": _c.Config, "tm_tuning_row": _c.TuningRow,
    "tm_buffer_options": _c.BufferOptions,
    "tm_context_options": _c.ContextOptions, "tm_compile_options": _c.CompileOptions, "tm_estimate": _c.Estimate,
    "tm_grid": _c.Grid, "tm_kernel_arg": _c.KernelArg, "tm_kernel_facts": _c.KernelFacts,
    "tm_memory_facts": _c.MemoryFacts, "tm_cache_facts": _c.CacheFacts, "tm_environment_facts": _c.EnvironmentFacts,
    "tm_profile_options": _c.ProfileOptions, "tm_profile_row": _c.ProfileRow, "tm_diagnostic": _c.CDiagnostic,
    "tm_tensor": _dlpack._TensorOut,
}


def test_structures_lie_as_the_header_says():
    if not os.path.exists(LIST):
        pytest.skip("include/abi.txt is not beside this package")
    with open(LIST, encoding="utf-8") as file:
        listed = {name: (int(size), field, int(offset)) for name, size, field, offset in
                  re.findall(r"^(tm_\w+) (\d+), (\w+) at (\d+)$", file.read(), re.M)}
    for name, structure in STRUCTURES.items():
        size, field, offset = listed[name]
        fields = dict(structure._fields_)
        assert ctypes.sizeof(structure) <= size, name
        if field in fields:
            assert getattr(structure, field).offset == offset and ctypes.sizeof(structure) == size, name


@pytest.mark.skipif(not os.path.exists(LIST), reason="include/abi.txt is not beside this package")
def test_the_longer_launch_options_end_where_the_headers_do():
    with open(LIST, encoding="utf-8") as file:
        size, field, offset = re.search(r"^tm_launch_options (\d+), (\w+) at (\d+)$", file.read(), re.M).groups()
    assert ctypes.sizeof(_c.TunedLaunchOptions) == int(size)
    assert getattr(_c.TunedLaunchOptions, field).offset == int(offset)
