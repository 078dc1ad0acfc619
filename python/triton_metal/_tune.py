# SPDX-License-Identifier: MIT
"""Tuning by the C library: it measures on the GPU, puts back what a kernel
writes, and keeps results on disk for the next process.

A launch with a new key makes a tm_function with the configurations that are
left after pruning, launches it once, and asks it which it took. Later launches
go through the kernel's own function with that configuration's values.
"""
import ctypes

from . import _c, _plan, _runtime
from .language.core import dtype

_WORDS = {"NUM_WARPS": "num_warps", "NUM_STAGES": "num_stages", "WARPS_PER_BLOCK": "num_warps"}
_TYPES = {code: dtype(name) for name, code in {"int1": 1, "int8": 2, "int16": 3, "int32": 4, "int64": 5, "uint8": 6,
          "uint16": 7, "uint32": 8, "uint64": 9, "fp16": 10, "bf16": 11, "fp32": 12, "fp64": 13, "fp8e4nv": 14,
          "fp8e5": 15}.items()}


def _names(names):
    return (ctypes.c_char_p * max(len(names), 1))(*[name.encode() for name in names])


def _configs(records, jit, configs):
    """tm_config for each configuration."""
    made = (_c.Config * len(configs))()
    for config, given in zip(made, configs):
        words = {"num_warps": given.num_warps, "num_stages": given.num_stages}
        words.update({_WORDS[name]: value for name, value in given.kwargs.items()
                      if name in _WORDS and name not in jit.arg_names})
        values = {name: value for name, value in given.kwargs.items() if name in jit.arg_names}
        defines = (_c.Define * max(len(values), 1))()
        for define, (name, value) in zip(defines, values.items()):
            define.name = name.encode()
            records.fill(define.value, value)
        records.keep.append(defines)
        config.defines, config.n_defines = defines, len(values)
        config.num_warps, config.num_stages = words["num_warps"] or 0, words["num_stages"] or 0
    records.keep.append(made)
    return made


def _value(arg):
    """A compile-time value of the library's as Python's."""
    if arg.tag in (_c.INT, _c.BOOL):
        return bool(arg.u.i) if arg.tag == _c.BOOL else arg.u.i
    if arg.tag == _c.FLOAT:
        return arg.u.f
    if arg.tag == _c.TEXT:
        text = ctypes.string_at(arg.u.list, arg.offset) if arg.offset else ctypes.string_at(arg.u.list)
        return _c.decode(text)
    return _TYPES.get(arg.dtype) if arg.tag == _c.DTYPE else None


class _GridOf:
    """The grid of each configuration, by the caller's function or fixed."""

    def __init__(self, grid, named):
        self.grid, self.named, self.error = grid, named, None
        self.callback = _c.GridFunction(self._call)

    def _call(self, _, values, n, out):
        try:
            meta = {_c.decode(values[i].name): _value(values[i].value) for i in range(n)}
            meta.update(self.named)
            made = _plan.grid_of(self.grid(meta) if callable(self.grid) else self.grid)
            out[0] = made or _c.Grid(0, 0, 0)
        except BaseException as error:  # must not end in the C library
            self.error = error
            out[0] = _c.Grid(0, 0, 0)


def tune(jit, configs, key, reset_to_zero, restore_value, grid, args, kwargs):
    """Launches once with the best of the configurations. Gives its index and
    the rows: (config, seconds, predicted, chosen, failure)."""
    set_by_all = {name: None for config in configs for name in config.kwargs}
    values, options = jit.bind(args, {**set_by_all, **kwargs})
    values = [_plan._NOTHING if name in set_by_all else value for name, value in zip(jit.arg_names, values)]
    plain, program = jit.function(tuple(_plan.functions_in(values)), options.get("debug"))
    records = _plan.Records(program)
    tables = [_names(names) for names in (key, reset_to_zero, restore_value)]
    function = _runtime.Function(
        plain.module, jit.fn.__name__, configs=_configs(records, jit, configs), n_configs=len(configs),
        key=tables[0], n_key=len(key), reset_to_zero=tables[1], n_reset_to_zero=len(reset_to_zero),
        restore_value=tables[2], n_restore_value=len(restore_value))
    packed = records.array(values)
    given = {name: value for name, value in zip(jit.arg_names, values) if value is not _plan._NOTHING}
    chooser = _GridOf(grid, given)
    stream = _runtime.current_stream()
    for copy in records.copies:
        copy.begin()
    launch = _c.sized(_c.TunedLaunchOptions, None, 0, 0, 0, None, chooser.callback, None)
    try:
        _c.call("tm_function_launch", stream.handle, function.handle, _c.Grid(1, 1, 1), packed,
                ctypes.c_size_t(len(values)), ctypes.byref(launch))
    except _c.errors.Error:
        if chooser.error is not None:
            raise chooser.error from None
        raise
    _plan.finish(stream, records)
    rows = function.tuning()
    return next((i for i, row in enumerate(rows) if row[3]), 0), rows
