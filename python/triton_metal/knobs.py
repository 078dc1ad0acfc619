# SPDX-License-Identifier: MIT
"""Switches that host code of upstream's reads and sets, as far as they mean
something here."""
import os


class _Group:
    def __init__(self, **values):
        self.__dict__.update(values)


def _flag(name):
    return os.environ.get(name, "0").lower() in ("1", "true", "on", "yes", "y")


runtime = _Group(interpret=False, debug=_flag("TRITON_DEBUG"), launch_enter_hook=None, launch_exit_hook=None,
                 jit_cache_hook=None, jit_post_compile_hook=None, override_arch=None)
autotuning = _Group(print=_flag("TRITON_PRINT_AUTOTUNING"), cache=_flag("TRITON_CACHE_AUTOTUNING"), listener=None)
compilation = _Group(always_compile=False, listener=None)
cache = _Group(dir=os.environ.get("TRITON_METAL_CACHE_DIR"))
language = _Group(default_fp_fusion=True)
