# SPDX-License-Identifier: MIT
"""What a kernel's names mean: closures, globals, modules, classes; and where
errors point."""
import collections
import enum
import inspect
import typing

import numpy as np
import pytest

import helper_package
import helper_package as H
import triton_metal
import triton_metal.language as tl
from helper_package import deep, triple as threefold
from helper_package.deep import half
from triton_metal.language.extra import libdevice
from triton_metal.language.math import exp2 as two_to_the

SCALE = tl.constexpr(2.5)
LIMITS = tl.constexpr((1, 2, 3))
BIG = tl.constexpr(float("inf"))
TYPE = tl.constexpr(tl.float16)
PLAIN: tl.constexpr = 11
MESSAGE = tl.constexpr("on")


class Mode(enum.IntEnum):
    SLOW = 0
    FAST = 1


class Pair(typing.NamedTuple):
    a: tl.tensor
    b: tl.tensor


Old = collections.namedtuple("Old", ["a", "b"])


@triton_metal.aggregate
class Box:
    value: tl.tensor
    scale: tl.constexpr

    @triton_metal.constexpr_function
    def __init__(self, value, scale):
        self.value = value
        self.scale = tl.constexpr(scale)

    @triton_metal.jit
    def scaled(self):
        return self.value * self.scale


def run(kernel, value=1.0, **kwargs):
    """The kernel's one result for one input."""
    x, out = np.full(1, value, np.float32), np.zeros(1, np.float32)
    kernel[(1,)](x, out, **kwargs)
    return out[0]


@triton_metal.jit
def with_constants(x, out):
    v = tl.load(x) * SCALE + LIMITS[1] + PLAIN
    if MESSAGE == "on":
        v = tl.where(v < BIG, v, 0.0)
    tl.store(out, v.to(TYPE).to(tl.float32))


def test_module_constants_of_every_kind():
    assert run(with_constants, 2.0) == 2.0 * 2.5 + 2 + 11


@triton_metal.jit
def with_modules(x, out):
    v = H.triple(tl.load(x)) + helper_package.COMPUTED + deep.shifted(0) + H.deep.OFFSET
    v = v + half(10) + threefold(1.0) + libdevice.rint(0.75) + two_to_the(3.0) + deep.half(4)
    tl.store(out, v)


def test_names_come_from_other_modules_by_every_way():
    assert run(with_modules, 2.0) == 6 + 10 + 100 + 100 + 5 + 3 + 1 + 8 + 2


@triton_metal.jit
def with_classes(x, out):
    pair = Pair(tl.load(x), 2.0)
    old = Old(pair.a, pair.b)
    v = old.a + old.b + Box(pair.b, 4).scaled()
    if Mode.FAST == 1:
        v += 1
    tl.store(out, v)


def test_classes_of_the_module():
    assert run(with_classes, 1.0) == 1 + 2 + 8 + 1


def make(factor, helper):
    @triton_metal.jit
    def inner(x, out):
        tl.store(out, helper(tl.load(x)) * factor)

    return inner


def test_kernels_inside_functions_see_their_closure():
    @triton_metal.jit
    def plus_one(v):
        return v + 1

    @triton_metal.jit
    def plus_two(v):
        return v + 2

    first, second = make(tl.constexpr(10), plus_one), make(tl.constexpr(20), plus_two)
    assert run(first, 1.0) == 20 and run(second, 1.0) == 60


class Holder:
    @triton_metal.jit
    def kernel(x, out):
        tl.store(out, tl.load(x) + SCALE)


def test_kernels_inside_classes():
    assert run(Holder.kernel, 1.0) == 3.5


def test_a_kernel_may_be_made_by_a_call():
    def raw(x, out):
        tl.store(out, tl.load(x) - 1)

    assert run(triton_metal.jit(raw), 1.0) == 0


def test_a_kernel_on_the_first_line_of_its_file(tmp_path, monkeypatch):
    (tmp_path / "first_line.py").write_text(
        "def kernel(x, out):\n    tl.store(out, tl.load(x) + K)\n\n"
        "def wrong(x, out):\n    tl.store(out, y)\n\n"
        "import triton_metal, triton_metal.language as tl\nK = tl.constexpr(4)\n"
        "kernel = triton_metal.jit(kernel)\nwrong = triton_metal.jit(wrong)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import first_line

    assert run(first_line.kernel, 1.0) == 5
    with pytest.raises(triton_metal.CompilationError) as caught:
        run(first_line.wrong)
    assert caught.value.lineno == 5 and caught.value.col_offset == 18


def test_functions_without_a_file_are_refused():
    space = {"tl": tl}
    exec("def kernel(x):\n    tl.store(x, 1)\n", space)
    with pytest.raises(ValueError, match="should be defined in a Python file"):
        triton_metal.jit(space["kernel"])


COUNT = tl.constexpr(1)


@triton_metal.jit
def counting(x, out):
    tl.store(out, tl.load(x) + COUNT)


def test_a_global_that_changes_is_noticed(monkeypatch):
    assert run(counting) == 2
    monkeypatch.setitem(globals(), "COUNT", tl.constexpr(1))
    assert run(counting) == 2
    monkeypatch.setitem(globals(), "COUNT", tl.constexpr(5))
    with pytest.raises(RuntimeError, match="COUNT has changed"):
        run(counting)


@triton_metal.jit
def outer_helper(fn: tl.constexpr, v):
    return fn(v) + 1


@triton_metal.jit
def takes_function(x, out, fn: tl.constexpr, K: tl.constexpr = 7):
    tl.store(out, outer_helper(fn, tl.load(x)) + K)


def test_functions_are_arguments_and_defaults_count():
    assert run(takes_function, 2.0, fn=threefold) == 2 * 3 + 1 + 7
    assert run(takes_function, 2.0, fn=deep.shifted, K=1) == 102 + 1 + 1


# ---- errors point into the user's file ----


@triton_metal.jit
def bad(x, out):
    v = tl.load(x)
    tl.store(out, v + undefined_name)


def line_of(function, text):
    lines, first = inspect.getsourcelines(function)
    return next(first + i for i, line in enumerate(lines) if text in line), \
        next(line.index(text) for line in lines if text in line)


def test_errors_name_file_line_and_column_with_a_caret():
    with pytest.raises(triton_metal.CompilationError) as caught:
        run(bad)
    line, column = line_of(bad.fn, "undefined_name")
    error, text = caught.value, str(caught.value)
    assert (error.filename, error.lineno, error.col_offset) == (__file__, line, column)
    assert f'File "{__file__}", line {line}' in text
    shown = text.splitlines()
    at = next(i for i, row in enumerate(shown) if "v + undefined_name" in row)
    assert shown[at + 1].rstrip().endswith("^") and shown[at + 1].index("^") == shown[at].index("undefined_name")


def test_errors_in_helpers_of_other_files_name_those():
    @triton_metal.jit
    def calls_broken(x, out):
        tl.store(out, deep.broken(tl.load(x)))

    with pytest.raises(triton_metal.CompilationError) as caught:
        run(calls_broken)
    line, column = line_of(deep.broken.fn, "no_such_thing")
    assert caught.value.filename == deep.__file__ and caught.value.lineno == line
    assert any(d.file == __file__ for d in caught.value.diagnostics)  # and who called


def host_only(x):
    return x + 1


nameless = lambda x: x + 1  # noqa: E731


@pytest.mark.parametrize("name", ["host_only", "nameless"])
def test_ordinary_functions_are_refused_where_they_are_called(name):
    @triton_metal.jit
    def first(x, out):
        tl.store(out, host_only(tl.load(x)))

    @triton_metal.jit
    def second(x, out):
        tl.store(out, nameless(tl.load(x)))

    kernel = first if name == "host_only" else second
    with pytest.raises(triton_metal.CompilationError, match=name) as caught:
        run(kernel)
    assert (caught.value.lineno, caught.value.col_offset) == line_of(kernel.fn, name)


def test_errors_in_nested_kernels_have_the_files_column():
    if True:
        @triton_metal.jit
        def nested(x, out):
            tl.store(out, nowhere)

    with pytest.raises(triton_metal.CompilationError) as caught:
        run(nested)
    assert (caught.value.lineno, caught.value.col_offset) == line_of(nested.fn, "nowhere")


def test_static_asserts_are_an_exception_of_their_own():
    @triton_metal.jit
    def asserts(x, out, N: tl.constexpr):
        tl.static_assert(N == 3, "N must be three")
        tl.store(out, N)

    assert run(asserts, N=3) == 3
    with pytest.raises(triton_metal.CompileTimeAssertionFailure, match="N must be three"):
        run(asserts, N=4)


NUMBERS = [tl.constexpr(np.float64(0.5)), tl.constexpr(np.int64(3)), tl.constexpr(np.float32(1.25)),
           tl.constexpr(np.bool_(True))]
HALF, THREE, LITTLE, YES = NUMBERS


def test_numpys_numbers_are_constants():
    @triton_metal.jit
    def numbers(x, out):
        if YES:
            tl.store(out, tl.load(x) * HALF + THREE + LITTLE)

    assert run(numbers, 1.0) == 4.75


def test_kernels_of_notebooks_have_their_cells_lines():
    import linecache

    name = "<cell 7>"
    text = ("import triton_metal, triton_metal.language as tl\n"
            "@triton_metal.jit\n"
            "def good(x, out):\n"
            "    tl.store(out, tl.load(x) + 1)\n"
            "@triton_metal.jit\n"
            "def wrong(x, out):\n"
            "    tl.store(out, unknown)\n")
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    space = {"__name__": "__main__"}
    exec(compile(text, name, "exec"), space)
    assert run(space["good"]) == 2
    with pytest.raises(triton_metal.CompilationError) as caught:
        run(space["wrong"])
    assert caught.value.lineno == 7 and "    tl.store(out, unknown)\n" in str(caught.value)


def test_limits_are_out_of_resources():
    @triton_metal.jit
    def large(x, out):
        s = tl.shared_memory([16384], tl.float32)
        s[tl.arange(0, 16384)] = tl.arange(0, 16384).to(tl.float32)
        tl.store(out, tl.sum(s[tl.arange(0, 16384)]))

    with pytest.raises(triton_metal.OutOfResources, match="threadgroup memory"):
        run(large)


def test_operations_do_not_run_outside_of_kernels():
    with pytest.raises(RuntimeError, match="tl.load works only inside"):
        tl.load(3)
    with pytest.raises(RuntimeError, match="tl.sum works only inside"):
        tl.sum(3)


def test_unknown_defaults_are_read_from_the_source():
    @triton_metal.jit
    def typed(x, out, to: tl.constexpr = tl.float16, flag: tl.constexpr = None):
        tl.store(out, tl.load(x).to(to).to(tl.float32))

    assert run(typed, 1 / 3) == np.float32(np.float16(1 / 3))


def test_updated_sources_are_compiled_anew():
    @triton_metal.jit
    def changing(x, out):
        tl.store(out, tl.load(x) + 1)

    assert run(changing) == 2
    changing._unsafe_update_src(changing.src.replace("+ 1", "+ 5"))
    assert run(changing) == 6
