# SPDX-License-Identifier: MIT
"""Launches, fast and general.

A plan is made for each kernel and each combination of the Python types of its
arguments and the names of its keywords. It is a function, written for that
combination: it looks the arrays' buffers up, packs all tm_arg records with one
struct call into memory that a ctypes pointer already points at, and makes one
call of the C library. What it has no place for (a new array, an integer above
64 bits) raises on the way; new arrays are looked up and it is tried again, and
what is left, with tuples, descriptors and functions, goes to `general`, which
builds the records one by one.

Both run with the GIL released in C, so each launch has packed memory of its
own (`Slot`), from a list of free ones.
"""
import ctypes
import struct

from . import _arrays, _c, _runtime
from .language.core import constexpr, dtype as _dtype

_grids = {}
_texts = {}  # str → (bytes kept, address)
_options = {}


class Slot:
    """The memory of one launch in preparation."""

    __slots__ = ("memory", "pointer", "error", "reference")

    def __init__(self, size):
        self.memory = ctypes.create_string_buffer(max(size, 1))
        self.pointer = ctypes.c_void_p(ctypes.addressof(self.memory))
        self.error = ctypes.c_void_p()
        self.reference = ctypes.byref(self.error)


def grid_of(grid):
    """The tm_grid of a tuple of up to three sizes; None when one is 0."""
    sizes = (grid,) if isinstance(grid, int) else tuple(int(extent) for extent in grid)
    if not 1 <= len(sizes) <= 3:
        raise ValueError(f"a grid has one to three sizes, not {len(sizes)}: {grid!r}")
    if any(not 0 <= extent < 2**32 for extent in sizes):
        raise ValueError(f"grid sizes are 0 to 2^32 - 1: {grid!r}")
    made = _c.Grid(*sizes, *[1] * (3 - len(sizes))) if all(sizes) else None
    if len(_grids) > 4096:
        _grids.clear()
    _grids[sizes] = made
    return made


def options_of(num_warps, num_stages):
    """A pointer to tm_launch_options; None where both are left open."""
    key = (num_warps or 0, num_stages or 0)
    if key == (0, 0):
        return None
    if key not in _options:
        options = _c.sized(_c.LaunchOptions, None, 0, *key)
        _options[key] = (options, ctypes.c_void_p(ctypes.addressof(options)))
    return _options[key][1]


def text_of(text):
    """The address of a string's bytes, kept for good."""
    if text not in _texts:
        kept = ctypes.create_string_buffer(text.encode())
        _texts[text] = (kept, ctypes.addressof(kept))
    return _texts[text][1]


# ---- the general way ---------------------------------------------------------


class Records:
    """tm_arg records of a launch with what they point at."""

    def __init__(self, program):
        self.program, self.keep, self.copies, self.host, self.shared = program, [], [], False, False

    def array(self, values):
        records = (_c.Arg * len(values))()
        for record, value in zip(records, values):
            self.fill(record, value)
        self.keep.append(records)
        return records

    def fill(self, arg, value):
        if isinstance(value, constexpr):
            value = value.value
        if value is None:
            arg.tag = _c.NONE
        elif value is _NOTHING:
            arg.tag = _c.NOTHING
        elif isinstance(value, bool):
            arg.tag, arg.u.i = _c.BOOL, value
        elif isinstance(value, int):
            self._integer(arg, int(value))
        elif isinstance(value, float):
            arg.tag, arg.u.f = _c.FLOAT, value
        elif isinstance(value, str):
            arg.tag, arg.u.list = _c.TEXT, text_of(value)
        else:
            self._other(arg, value)

    @staticmethod
    def _integer(arg, value):
        if not -2**63 <= value < 2**64:
            raise OverflowError(f"{value} does not fit 64 bits")
        arg.tag, arg.dtype = _c.INT, _c.U64 if value >= 2**63 else 0
        arg.u.i = value if value < 2**63 else value - 2**64

    def _other(self, arg, value):
        if isinstance(value, _dtype):
            self._type(arg, value)
        elif isinstance(value, (tuple, list)):
            self._tuple(arg, value)
        elif hasattr(value, "block_shape") and hasattr(value, "base"):
            self._descriptor(arg, value)
        elif hasattr(value, "decorator_lines") or hasattr(value, "fn"):
            self._function(arg, value)
        elif _arrays.is_numpy_scalar(value):
            self.fill(arg, value.item())
        elif hasattr(value, "data_ptr") or _arrays.is_array(value):
            self._buffer(arg, value)
        elif hasattr(value, "__index__"):
            self._integer(arg, value.__index__())
        else:
            raise TypeError(f"a {type(value).__name__} cannot be passed to a kernel")

    def _type(self, arg, value):
        code = _c.DTYPES.get(value.name) or _c.SPELLINGS.get(value.name)
        if code is None:
            arg.tag, arg.u.list = _c.TEXT, text_of(f"tl.{value._long_name}")
        else:
            arg.tag, arg.dtype = _c.DTYPE, code

    def _function(self, arg, value):
        while not hasattr(value, "decorator_lines"):
            value = value.fn
        arg.tag, arg.u.list = _c.FUNCTION, text_of(self.program.names[id(value)])

    def _entry(self, value):
        entry = _arrays.entry_of(value)
        self.keep.append((entry, value))
        if entry.copy is not None:
            self.copies.append(entry.copy)
        if _arrays.kind_of(type(value)) != "array":
            self.host = True
        return entry

    def _buffer(self, arg, value):
        entry = self._entry(value)
        arg.tag, arg.dtype, arg.u.buffer, arg.offset = _c.BUFFER, entry.code, entry.handle, entry.offset

    def _tuple(self, arg, value):
        names = getattr(value, "_fields", None)
        if names is None:
            items, arg.tag = self.array(list(value)), _c.TUPLE
        else:
            items, arg.tag = (_c.Define * len(value))(), _c.NAMED_TUPLE
            for item, name, member in zip(items, names, value):
                item.name = name.encode()
                self.fill(item.value, member)
            self.keep.append(items)
        arg.u.list, arg.offset = ctypes.addressof(items), len(value)

    def _descriptor(self, arg, value):
        rank = len(value.shape)
        if len(value.strides) != rank or len(value.block_shape) != rank or not 1 <= rank <= 5:
            raise ValueError(f"a descriptor has as many strides and block sizes as sizes, 1 to 5: "
                             f"{len(value.strides)}, {len(value.block_shape)} and {rank} are given")
        if value.padding not in ("zero", "nan"):
            raise ValueError(f"padding is 'zero' or 'nan', not {value.padding!r}")
        entry = self._entry(value.base)
        made = _c.sized(_c.Descriptor, entry.handle, entry.offset, entry.code, rank,
                        (ctypes.c_int64 * 5)(*value.shape), (ctypes.c_int64 * 5)(*value.strides),
                        (ctypes.c_uint32 * 5)(*value.block_shape), value.padding == "nan",
                        bool(value.round_f32_to_tf32))
        self.keep.append(made)
        arg.tag, arg.u.list = _c.DESCRIPTOR, ctypes.addressof(made)


_NOTHING = type("Nothing", (), {"__repr__": lambda self: "(the default)"})()


def functions_in(values):
    """The jit functions among arguments, tuples' items included."""
    found = []
    for value in values:
        if isinstance(value, (tuple, list)):
            found += functions_in(value)
        elif not isinstance(value, (int, float, str)) and (hasattr(value, "decorator_lines") or hasattr(value, "fn")):
            while not hasattr(value, "decorator_lines"):
                value = value.fn
            found.append(value)
    return found


def general(function, program, grid, values, options):
    """Launches with records made one by one."""
    made = grid_of(grid)
    if made is None:
        return
    stream = _runtime.current_stream()
    records = Records(program)
    args = records.array(values)
    for copy in records.copies:
        copy.begin()
    if any(not copy.writeable for copy in records.copies):
        _refuse_writes(function, args, values, options)
    _c.call("tm_function_launch", stream.handle, function.handle, made, args, ctypes.c_size_t(len(values)), options)
    finish(stream, records)


def launch_kernel(kernel, grid, values):
    """Launches one variant with its run-time arguments."""
    made = grid_of(grid)
    if made is None:
        return
    stream, records = _runtime.current_stream(), Records(None)
    args = records.array(list(values))
    for copy in records.copies:
        copy.begin()
    _c.call("tm_launch", stream.handle, kernel.handle, made, args, ctypes.c_size_t(len(values)))
    finish(stream, records)


def finish(stream, records):
    """Waits where the host has arrays; or keeps them until the stream waits."""
    if records.host and not (stream.asynchronous and len(stream.kept) < MOST_KEPT):
        stream.kept += records.copies
        stream.synchronize()
    else:
        stream.kept += records.copies
        if records.host:
            stream.kept.append(_arrays.Kept(records.keep))


def _refuse_writes(function, args, values, options):
    """A kernel must not write to an array that is read-only."""
    kernel = function.kernel(args, len(values), options)
    facts = kernel.facts()
    written = {facts.args[i].name.decode() for i in range(facts.n_args) if facts.args[i].writes}
    for name, value in zip(function.names, values):
        flags = getattr(value, "flags", None)
        if name in written and flags is not None and not flags.writeable:
            raise ValueError(f"array '{name}' is read-only, and the kernel writes to it")


# ---- the fast way ------------------------------------------------------------

_NUMBERS = {int: ("IIqQ", "2, 0, {0}, 0"), bool: ("IIqQ", "4, 0, {0}, 0"), float: ("IIdQ", "3, 0, {0}, 0"),
            type(None): ("IIQQ", "5, 0, 0, 0"), str: ("IIQQ", "6, 0, texts[{0}][1], 0")}


def _record(kind, name):
    """How a value of that Python type is packed: its struct format, its
    expressions, a look-up before, a condition; None: not by a fast plan."""
    if kind in _NUMBERS:
        letters, text = _NUMBERS[kind]
        return letters, text.format(name), "", ""
    family = _arrays.kind_of(kind)
    if family == "array":
        return "IIQQ", f"1, {name}._code, {name}._handle, 0", "", ""
    if family not in ("numpy", "torch"):
        return None
    entry = f"e_{name}"
    moved = f"{entry}.dtype is not {name}.dtype"
    if family == "torch":
        moved += f" or {entry}.pointer != {name}.data_ptr()"
    return "IIQQ", f"1, {entry}.code, {entry}.handle, {entry}.offset", f"{entry} = entries[id({name})]", moved


_TEMPLATE = '''
def launch(grid, args, kwargs):
    {unpack_args}
    {unpack_kwargs}
    try:
        {look_ups}
        {conditions}
        try:
            slot = free.pop()
        except IndexError:
            slot = Slot(size)
        pack(slot.memory, 0, {packed})
    except KeyError:
        slot = None
    except StructError:
        slot = False
    if not slot:
        return again(grid, args, kwargs) if slot is None else general(grid, args, kwargs)
    if grid.__class__ is not tuple:
        if callable(grid):
            grid = grid({meta})
    try:
        extents = grids[grid]
    except (KeyError, TypeError):
        extents = grid_of(grid)
    if extents is None:
        return Result(plan, args, kwargs)
    {check}
    stream = local.stream or default_stream()
    status = call(stream.handle, function, extents, slot.pointer, count, {options}, slot.reference)
    if status:
        fail(status, slot.error)
    free.append(slot)
    {finish}
    return Result(plan, args, kwargs)
'''


def write(bound, kinds, n_args, keywords, options, check, finish_host):
    """The source and the struct format of a fast launch; None where there is
    none. bound: for each parameter (variable or None, constant record)."""
    formats, packed, look_ups, conditions = [], [], [], []
    for name, constant in bound:
        if name is None:
            formats.append(constant[0])
            packed.append(constant[1])
            continue
        record = _record(kinds[name], name)
        if record is None:
            return None
        formats.append(record[0])
        packed.append(record[1])
        if record[2]:
            look_ups.append(record[2])
            conditions.append(record[3])
    positional = [f"a{i}" for i in range(n_args)]
    named = [f"k{i}" for i in range(len(keywords))]
    text = _TEMPLATE.format(
        unpack_args=f"{', '.join(positional)}{',' if n_args == 1 else ''} = args" if n_args else "pass",
        unpack_kwargs=f"{', '.join(named)}{',' if len(named) == 1 else ''} = kwargs.values()" if named else "pass",
        look_ups="\n        ".join(look_ups) or "pass",
        conditions=f"if {' or '.join(conditions)}:\n            raise KeyError" if conditions else "pass",
        packed=", ".join(packed), meta=options["meta"], options=options["pointer"], check=check, finish=finish_host)
    return text, "=" + " ".join(formats)


def constant_record(value):
    """A default as a fixed record; None where it needs the general way."""
    if value is _NOTHING:
        return "IIQQ", "0, 0, 0, 0"
    if isinstance(value, constexpr):
        value = value.value
    if type(value) in _NUMBERS and not isinstance(value, (str, float)):
        letters, text = _NUMBERS[type(value)]
        return (letters, text.format(repr(value))) if value is None or -2**63 <= value < 2**63 else None
    if isinstance(value, float) and value == value and value not in (float("inf"), float("-inf")):
        return "IIdQ", f"3, 0, {value!r}, 0"
    if isinstance(value, str):
        return "IIQQ", f"6, 0, {text_of(value)}, 0"
    return None


MOST_KEPT = 4096  # asynchronous launches with arrays of the host's between two waits
FINISH_HOST = """if stream.asynchronous and len(stream.kept) < most_kept:
        stream.kept.append(Kept((args, kwargs)))
    else:
        stream.synchronize()"""


def _is_known(value):
    """Sees to it that a plan finds the value's buffer or text, where it can."""
    if isinstance(value, str):
        return bool(text_of(value))
    family = _arrays.kind_of(type(value))
    if family == "numpy":
        return value.flags.writeable and _arrays.from_numpy(value) is _arrays.entries.get(id(value))
    if family == "torch":
        return value.device.type == "cpu" and _arrays.from_torch(value) is _arrays.entries.get(id(value))
    return True


def compile_plan(text, letters, names):
    """Makes the function of a plan's source. What it does not find is looked
    up, and it is tried once more before the general way is taken."""
    size = struct.calcsize(letters)
    names = dict(names, entries=_arrays.entries, texts=_texts, grids=_grids, grid_of=grid_of, free=[], Slot=Slot,
                 size=size, pack=struct.Struct(letters).pack_into, StructError=struct.error, Kept=_arrays.Kept,
                 local=_runtime._local, default_stream=_runtime.default_stream, fail=_c.fail,
                 options_of=options_of, most_kept=MOST_KEPT, call=_c.library.tm_function_launch)
    code = compile(text, "<launch>", "exec")
    last = dict(names, again=names["general"])
    exec(code, last)

    def again(grid, args, kwargs):
        known = all([_is_known(value) for value in (*args, *kwargs.values())])
        return (last["launch"] if known else names["general"])(grid, args, kwargs)

    names["again"] = again
    exec(code, names)
    return names["launch"]
