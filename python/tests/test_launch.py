# SPDX-License-Identifier: MIT
"""Launches: arguments, arrays, grids, streams. Expected values are numpy's."""
import collections
import gc
import threading

import numpy as np
import pytest

import triton_metal
import triton_metal.language as tl
from triton_metal import _arrays
from triton_metal.backends import metal


@triton_metal.jit
def add(x, y, out, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    tl.store(out + i, tl.load(x + i, m) + tl.load(y + i, m), m)


@triton_metal.jit
def scale_rows(x, out, rows, columns, x_row, x_column, out_row, FACTOR: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    i = tl.arange(0, BLOCK)
    m = i < columns
    tl.store(out + row * out_row + i, tl.load(x + row * x_row + i * x_column, m) * FACTOR, m)


@triton_metal.jit
def write_number(out, value):
    tl.store(out, value)


def floats(n, seed=0):
    return np.random.default_rng(seed).standard_normal(n).astype(np.float32)


def blocks(n, size=256):
    return (triton_metal.cdiv(n, size),)


def test_numpy_arrays_are_summed_and_not_copied():
    x, y, out = floats(5003), floats(5003, 1), np.zeros(5003, np.float32)
    add[blocks(5003)](x, y, out, 5003, BLOCK=256)
    assert (out == x + y).all()
    assert not _arrays.is_copied(out)


def test_a_grid_function_gets_all_arguments():
    x, out, seen = floats(700), np.zeros(700, np.float32), {}

    def grid(meta):
        seen.update(meta)
        return blocks(meta["n"], meta["BLOCK"])

    add[grid](x, x, out, 700, BLOCK=128, num_warps=2)
    assert (out == x + x).all()
    assert seen["n"] == 700 and seen["BLOCK"] == 128 and seen["num_warps"] == 2 and seen["x"] is x


@pytest.mark.parametrize("grid", [3, (3,), [3], (3, 1), (3, 1, 1), (np.int64(3),)])
def test_grids_are_numbers_tuples_and_lists(grid):
    x, out = floats(700), np.zeros(700, np.float32)
    add[grid](x, x, out, 700, BLOCK=256)
    assert (out == x + x).all()


def test_an_empty_grid_launches_nothing():
    x, out = floats(16), np.zeros(16, np.float32)
    add[(0,)](x, x, out, 16, BLOCK=16)
    assert (out == 0).all()
    with pytest.raises(ValueError, match="one to three"):
        add[(1, 1, 1, 1)](x, x, out, 16, BLOCK=16)


def test_arguments_bind_as_pythons_do():
    x, out = floats(64), np.zeros(64, np.float32)
    add[(1,)](x, n=64, y=x, BLOCK=64, out=out)
    assert (out == x + x).all()
    with pytest.raises(TypeError, match="'BLOCK'"):
        add[(1,)](x, x, out, 64)
    with pytest.raises(TypeError, match="multiple values for argument 'n'"):
        add[(1,)](x, x, out, 64, n=64, BLOCK=64)
    with pytest.raises(TypeError, match="takes 5"):
        add[(1,)](x, x, out, 64, 64, 1, 2)
    with pytest.raises(KeyError, match="unrecognised"):
        add[(1,)](x, x, out, 64, BLOCK=64, block=3)


def test_a_kernel_is_not_called_without_a_grid():
    with pytest.raises(RuntimeError, match=r"add\[grid\]"):
        add(1, 2, 3, 4, 5)


def test_strided_arrays_and_views_are_passed_as_they_lie():
    base = np.arange(40 * 64, dtype=np.float32).reshape(40, 64)
    for x in (base[3:9, 8:40], base[::2, ::3], base.T, base[::-1, ::-1]):
        out = np.zeros((x.shape[0], x.shape[1] + 5), np.float32)[:, :x.shape[1]]
        strides = [s // 4 for s in x.strides]
        scale_rows[(x.shape[0],)](x, out, *x.shape, *strides, out.strides[0] // 4, FACTOR=2.0, BLOCK=64)
        assert (out == x * 2).all()


def test_arrays_that_share_memory_work_in_place():
    x = floats(1000)
    before = x.copy()
    add[blocks(500)](x[:500], x[500:], x[:500], 500, BLOCK=256)
    assert (x[:500] == before[:500] + before[500:]).all() and (x[500:] == before[500:]).all()


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
                                   "float16", "float32"])
def test_element_types(dtype):
    x = (np.arange(100) * 3 % 50).astype(dtype)
    out = np.zeros_like(x)
    add[(1,)](x, x, out, 100, BLOCK=128)
    assert (out == x + x).all()


def test_types_that_metal_lacks_are_refused():
    x = np.zeros(8)
    with pytest.raises(triton_metal.CompilationError, match="(?s)double|float64|fp64"):
        add[(1,)](x, x, x, 8, BLOCK=8)
    with pytest.raises(TypeError, match="complex64"):
        add[(1,)](*[np.zeros(8, np.complex64)] * 3, 8, BLOCK=8)
    with pytest.raises(TypeError, match="byte order"):
        add[(1,)](*[np.zeros(8, ">f4")] * 3, 8, BLOCK=8)
    with pytest.raises(TypeError, match="mask"):
        add[(1,)](*[np.ma.masked_array(np.zeros(8, np.float32), [True] * 8)] * 3, 8, BLOCK=8)
    with pytest.raises(TypeError, match="object"):
        add[(1,)](object(), object(), object(), 8, BLOCK=8)


def test_read_only_arrays_are_read_and_never_written():
    x, out = floats(64), np.zeros(64, np.float32)
    before = x.copy()
    x.flags.writeable = False
    for _ in range(2):
        out[:] = 0
        add[(1,)](x, x, out, 64, BLOCK=64)
        assert (out == x + x).all()
    assert _arrays.is_copied(x)
    with pytest.raises(ValueError, match="'out' is read-only"):
        add[(1,)](out, out, x, 64, BLOCK=64)
    assert (x == before).all()
    text = np.frombuffer(bytes(range(64)), np.uint8)
    wide = np.zeros(64, np.uint8)
    add[(1,)](text, text, wide, 64, BLOCK=64)
    assert (wide == text * 2).all()


def test_memory_that_metal_does_not_map_is_copied_in_and_out(monkeypatch):
    monkeypatch.setattr(_arrays, "_wrap", lambda owner, address, size: None)
    x, out = floats(200), np.zeros((2, 200), np.float32)
    for _ in range(2):
        out[:] = 0
        add[(1,)](x[::2], x[1:], out[1, 50:], 100, BLOCK=128)
        assert (out[1, 50:150] == x[:100] + x[1:101]).all() and (out[0] == 0).all() and (out[1, 150:] == 0).all()
    assert _arrays.is_copied(out)
    with triton_metal.stream():
        out[:] = 0
        add[(1,)](x, x, out, 200, BLOCK=256)
        assert (out == 0).all()  # written back when the stream is waited for
    assert (out[0] == 2 * x).all() and (out[1] == 0).all()


def test_broadcast_arrays_are_read_through_their_strides():
    x = np.broadcast_to(np.arange(16, dtype=np.float32), (4, 16))
    out = np.zeros((4, 16), np.float32)
    scale_rows[(4,)](x, out, 4, 16, 0, 1, 16, FACTOR=3.0, BLOCK=16)
    assert (out == x * 3).all()


def test_empty_arrays_are_passed():
    x = np.zeros(0, np.float32)
    add[(1,)](x, x, x, 0, BLOCK=16)


def test_zero_dimensional_arrays_are_pointers_and_numpy_numbers_are_numbers():
    out = np.zeros((), np.float32)
    write_number[(1,)](out, np.float32(1.5))
    assert out == 1.5
    write_number[(1,)](out, np.int64(7))
    assert out == 7


@pytest.mark.parametrize("value, dtype", [(2**31 - 1, "int64"), (2**31, "int64"), (-2**63, "int64"),
                                          (2**63, "uint64"), (2**64 - 1, "uint64"), (True, "int32"), (1.25, "float32")])
def test_numbers_keep_their_value(value, dtype):
    out = np.zeros(1, dtype)
    write_number[(1,)](out, value)
    assert out[0] == value


def test_numbers_above_64_bits_are_refused():
    with pytest.raises(OverflowError):
        write_number[(1,)](np.zeros(1, np.int64), 2**64)


def test_new_memory_at_an_old_address_is_not_mistaken_for_it():
    """numpy gives freed memory out again; wraps must go with their arrays."""
    addresses = set()
    for i in range(50):
        x = np.full(100_000, i, np.float32)
        out = np.zeros(100_000, np.float32)
        add[blocks(100_000, 1024)](x, x, out, 100_000, BLOCK=1024)
        addresses.add(x.__array_interface__["data"][0])
        assert (out == 2 * i).all()
        del x, out
    assert len(addresses) < 50  # else nothing was tested
    gc.collect()
    assert metal.memory_pool().wrapped < 1_000_000


def test_wraps_are_forgotten_with_their_arrays():
    before = len(_arrays.entries)
    x = floats(4096)
    add[blocks(4096)](x, x, x, 4096, BLOCK=256)
    assert len(_arrays.entries) == before + 1
    del x
    gc.collect()
    assert len(_arrays.entries) == before


def test_numpy_refuses_to_move_an_array_that_is_known():
    """What remembering wraps by object rests on."""
    x = floats(64)
    add[(1,)](x, x, x, 64, BLOCK=64)
    with pytest.raises(ValueError):
        x.resize(10_000_000, refcheck=False)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_array_whose_type_is_changed_is_looked_at_again():
    x, out = np.arange(64, dtype=np.float32), np.zeros(64, np.int32)
    add[(1,)](x, x, x, 64, BLOCK=64)
    add[(1,)](out, out, out, 64, BLOCK=64)
    bits = x.view(np.int32).copy()
    x.dtype = np.int32
    add[(1,)](x, x, out, 64, BLOCK=64)
    assert (out == bits + bits).all()


def test_shared_arrays_are_waited_for_when_they_are_looked_at():
    x = triton_metal.from_numpy(floats(5000))
    out = triton_metal.zeros(5000)
    for _ in range(20):
        add[blocks(5000)](x, out, out, 5000, BLOCK=256)
    expected = np.zeros(5000, np.float32)
    for _ in range(20):
        expected += x.numpy()
    assert (np.asarray(out) == expected).all()
    assert out[3] == expected[3] and len(out) == 5000 and out.stride() == (1,)


def test_bfloat16_lies_in_shared_arrays_as_bits():
    x = triton_metal.empty(32, "bfloat16")
    x.numpy()[:] = 0x3FC0  # 1.5
    out = triton_metal.zeros(32, tl.bfloat16)
    add[(1,)](x, x, out, 32, BLOCK=32)
    assert (out.numpy() == 0x4040).all()  # 3.0


def test_a_stream_waits_at_its_end():
    x, out = floats(100_000), np.zeros(100_000, np.float32)
    with triton_metal.stream() as stream:
        for _ in range(10):
            add[blocks(100_000, 1024)](x, out, out, 100_000, BLOCK=1024)
        del x
        stream.synchronize()
        first = out.copy()
    x = floats(100_000)
    expected = np.zeros(100_000, np.float32)
    for _ in range(10):
        expected += x
    assert (first == expected).all() and (out == expected).all()


def test_a_stream_may_be_kept_busy_for_long():
    x, out = np.ones(16, np.float32), np.zeros(16, np.float32)
    with triton_metal.stream() as stream:
        for _ in range(10_000):
            add[(1,)](x, out, out, 16, BLOCK=16)
            assert len(stream.kept) <= 4096
    assert (out == 10_000).all()


def test_threads_launch_at_once():
    wrong = []

    def work(seed):
        for n in range(100, 2000, 150):
            x, y = floats(n, seed), floats(n, seed + 100)
            out = np.zeros(n, np.float32)
            add[blocks(n)](x, y, out, n, BLOCK=256)
            if not (out == x + y).all():
                wrong.append((seed, n))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_child_process_after_fork_has_a_context_of_its_own():
    import os

    x, out = floats(64), np.zeros(64, np.float32)
    add[(1,)](x, x, out, 64, BLOCK=64)
    child = os.fork()
    if child == 0:
        try:
            from triton_metal import _c, _runtime

            made = _c.generation == 1 and len(_arrays.entries) == 0 and _runtime.context().generation == 1
            os._exit(0 if made else 1)
        except BaseException:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0


class Dlpack:
    """An array of another library: numpy's memory, seen by DLPack only."""

    def __init__(self, array):
        self._array = array

    def __dlpack__(self, **options):
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


def test_dlpack_tensors_are_arguments():
    import sys

    x, out = floats(64), np.zeros(64, np.float32)
    held = sys.getrefcount(out)
    for _ in range(3):
        add[(1,)](Dlpack(x[::2]), Dlpack(x[1:]), Dlpack(out), 32, BLOCK=32)
    assert (out[:32] == x[:32] + x[1:33]).all()
    gc.collect()
    triton_metal.synchronize()
    assert sys.getrefcount(out) == held


def test_shared_arrays_go_out_by_dlpack():
    x = triton_metal.from_numpy(floats(64).reshape(8, 8))
    view = np.from_dlpack(x)
    assert view.shape == (8, 8) and (view == x.numpy()).all() and view.ctypes.data == x.data_ptr()
    kept = np.from_dlpack(x)
    expected = x.numpy().copy()
    del x, view
    gc.collect()
    others = [triton_metal.zeros((8, 8)) for _ in range(4)]
    assert (kept == expected).all() and len(others) == 4
    triton_metal.zeros(3).__dlpack__()  # nobody takes it


def test_memoryviews_and_ctypes_arrays_are_arguments():
    import array
    import ctypes

    x, out = array.array("f", [1.0, 2.0, 3.0]), (ctypes.c_float * 3)()
    add[(1,)](memoryview(x), memoryview(x), out, 3, BLOCK=4)
    assert list(out) == [2.0, 4.0, 6.0]


# ---- descriptors, tuples, functions ----


@triton_metal.jit
def scaled(v, how):
    return v * how.scale + how.more[1]


@triton_metal.jit
def move(src, dst, how, fn):
    i = tl.program_id(0) * src.block_shape[0]
    v = fn(src.load([i, 0]), how)
    dst.store([i, 0], v)
    tl.store(how.more[0], src.shape[0])


How = collections.namedtuple("How", ["scale", "more", "none"])


def test_descriptors_tuples_and_functions_are_arguments():
    m = np.arange(320, dtype=np.float32).reshape(20, 16)
    r, size = np.zeros((20, 16), np.float32), np.zeros(1, np.int32)
    source = triton_metal.TensorDescriptor(m, m.shape, [16, 1], [8, 16])
    target = triton_metal.TensorDescriptor.from_tensor(r, [8, 16])
    move[(3,)](source, target, How(3, (size, 1.5), None), scaled)
    assert (r == m * 3 + np.float32(1.5)).all() and size[0] == 20


def test_bad_descriptors_are_refused():
    m = np.zeros((20, 16), np.float32)
    good = triton_metal.TensorDescriptor.from_tensor(m, [8, 16])
    size = np.zeros(1, np.int32)
    with pytest.raises(triton_metal.Error, match=r"'src': strides\[1\] is 2"):
        move[(3,)](triton_metal.TensorDescriptor(m, m.shape, [16, 2], [8, 16]), good, How(3, (size, 1.5), None), scaled)
    with pytest.raises(ValueError, match="strides"):
        move[(3,)](triton_metal.TensorDescriptor(m, m.shape, [1], [8, 16]), good, How(3, (size, 1.5), None), scaled)


# ---- what a launch gives ----


def test_a_launch_gives_the_compiled_kernel():
    x = floats(64)
    kernel = add[(1,)](x, x, x, 64, BLOCK=64, num_warps=2)
    assert "tt.func" in kernel.asm["ttir"] and "kernel void" in kernel.asm["msl"]
    assert kernel.name == "add" and kernel.metadata.num_warps == 2 and kernel.metadata.warp_size == 32
    assert kernel.n_regs >= 1 and kernel.n_spills == 0
    with pytest.raises(KeyError):
        kernel.asm["cubin"]
    out = np.zeros(64, np.float32)
    kernel[(1,)](x, x, out, 64)
    assert (out == x + x).all()


def test_warmup_compiles_and_launches_nothing():
    x, out = floats(64), np.zeros(64, np.float32)
    kernel = add.warmup(x, x, out, 64, BLOCK=64, grid=(1,))
    assert (out == 0).all() and "kernel void" in kernel.asm["msl"]
    kernel = add.warmup(np.dtype("float32"), np.dtype("float32"), np.dtype("float32"), 64, BLOCK=32, grid=(1,))
    assert kernel.metadata.target.backend == "metal"


def test_hooks_run_before_each_launch():
    seen = []

    @triton_metal.jit
    def nothing(x, n):
        tl.store(x, n)

    x = np.zeros(1, np.int32)
    nothing[(1,)](x, 5)
    nothing.add_pre_run_hook(lambda *args, **kwargs: seen.append((args, kwargs)))
    nothing[(1,)](x, n=6)
    nothing[(1,)](x, 7)
    assert len(seen) == 2 and seen[0][1] == {"n": 6} and x[0] == 7


def test_device_print_goes_to_sys_stdout(capsys):
    @triton_metal.jit
    def say(x):
        tl.device_print("value", tl.load(x))

    say[(1,)](np.full(1, 7, np.int32))
    triton_metal.synchronize()
    assert "value: 7" in capsys.readouterr().out


def test_device_asserts_raise_with_debug():
    @triton_metal.jit
    def check(x):
        tl.device_assert(tl.load(x) == 1, "not one")

    check[(1,)](np.full(1, 7, np.int32))
    with pytest.raises(triton_metal.DeviceError, match="not one"):
        check[(1,)](np.full(1, 7, np.int32), debug=True)
    check[(1,)](np.full(1, 1, np.int32), debug=True)
