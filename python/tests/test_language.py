# SPDX-License-Identifier: MIT
"""The names of triton_metal.language: those that the compiler's table lists,
with its parameters; types and constexprs as host code uses them."""
import inspect
import os
import re

import pytest

import triton_metal
import triton_metal.language as tl

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "language.md")
OWN = {"call", "extern_elementwise", "atomic_sub", "_experimental_make_tensor_descriptor",
       "_experimental_descriptor_load", "_experimental_descriptor_store", "_log2", "load_tensor_descriptor"}


def rows(prefix):
    """(name, answer, parameters) of the table's rows whose names have the prefix."""
    if not os.path.exists(TABLE):
        pytest.skip("docs/language.md is not beside this package")
    with open(TABLE, encoding="utf-8") as file:
        text = file.read()
    found = re.findall(r"^\| `" + re.escape(prefix) + r"(\w+)` \| (works|ignored|refused) \| (.*) \|$", text, re.M)
    assert len(found) > 10
    return [(name, answer, re.findall(r"(?:^|, )\*{0,2}(\w+)", parameters.strip("` ").replace("*, ", "")))
            for name, answer, parameters in found if parameters.startswith("`") or answer == "works"]


@pytest.mark.parametrize("prefix, space", [("tl.", tl), ("tl.math.", tl.math), ("libdevice.", tl.extra.libdevice),
                                           (".", tl.tensor)])
def test_everything_that_works_has_its_name_and_parameters(prefix, space):
    for name, answer, parameters in rows(prefix):
        if name in OWN or answer != "works" or name in ("load", "store") and prefix == ".":
            continue
        assert hasattr(space, name), f"{prefix}{name}"
        thing = getattr(space, name)
        if not callable(thing) or inspect.isclass(thing) or name == "item":
            continue
        given = [p.name for p in inspect.signature(thing).parameters.values()]
        missing = set(given) - set(parameters) - {"padding_option", "boundary_check", "mask", "self"}
        assert not missing, f"{prefix}{name} has {missing}, which the table does not"
        assert thing.__doc__, f"{prefix}{name} is not described"


def test_all_is_what_it_says():
    for name in tl.__all__:
        assert hasattr(tl, name), name
    for name in triton_metal.__all__:
        assert hasattr(triton_metal, name), name


def test_signatures_are_upstreams():
    upstream = pytest.importorskip("triton.language")
    if upstream is tl:
        pytest.skip("triton is this package")
    for name in upstream.__all__:
        theirs = getattr(upstream, name)
        theirs = getattr(theirs, "fn", theirs)
        assert hasattr(tl, name), name
        if inspect.isfunction(theirs):
            expected = [p for p in inspect.signature(theirs).parameters if not p.startswith("_")]
            ours = list(inspect.signature(getattr(tl, name)).parameters)
            assert [p for p in ours if p in expected] == expected, name


def test_types():
    assert tl.float32.name == "fp32" and tl.float32.primitive_bitwidth == 32 and tl.float32.itemsize == 4
    assert str(tl.bfloat16) == "bf16" and repr(tl.bfloat16) == "triton.language.bfloat16"
    assert tl.int8.is_int() and tl.int8.is_int_signed() and not tl.uint8.is_int_signed() and tl.int1.is_bool()
    assert tl.float8e4nv.is_fp8() and tl.float16.is_fp16() and tl.float16.is_floating() and not tl.int32.is_floating()
    assert tl.int16.get_int_max_value() == 32767 and tl.int16.get_int_min_value() == -32768
    assert tl.uint8.get_int_max_value() == 255 and tl.uint8.get_int_min_value() == 0
    assert tl.float32 == tl.dtype("fp32") and tl.float32 != tl.float16 and tl.float32 == tl.constexpr(tl.float32)
    assert tl.pointer_type(tl.float16).element_ty == tl.float16 and tl.pointer_type(tl.int8).is_ptr()
    assert tl.block_type(tl.float32, [4, 8]).numel == 32 and tl.block_type(tl.float32, [4]).scalar == tl.float32
    assert tl.str_to_ty("*fp32") == tl.pointer_type(tl.float32) and tl.str_to_ty("i64") == tl.int64
    assert len({tl.float32, tl.dtype("fp32"), tl.int32}) == 2
    with pytest.raises(ValueError, match="no type 'fp31'"):
        tl.dtype("fp31")


def test_constexprs_compute():
    three = tl.constexpr(3)
    assert (three + 4).value == 7 and (4 - three).value == 1 and (three * three).value == 9 and (7 // three).value == 2
    assert bool(three > 2) and not bool(three == 4) and (-three).value == -3 and (1 << three).value == 8
    assert [10, 11, 12, 13][three] == 13 and int(three) == 3 and tl.constexpr(three).value == 3
    assert repr(three) == "constexpr[3]" and triton_metal.cdiv(10, three).value == 4
    assert triton_metal.next_power_of_2(three) == 4 and triton_metal.next_power_of_2(1) == 1


def test_constexpr_functions_run_on_the_host():
    @triton_metal.constexpr_function
    def half(n):
        return n // 2

    assert half(8) == 4 and half(tl.constexpr(8)) == 4
