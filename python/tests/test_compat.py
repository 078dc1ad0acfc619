# SPDX-License-Identifier: MIT
"""Host code in the manner of upstream's tutorials, over triton_metal.compat,
with numpy arrays and, where torch is there, with its tensors on the CPU."""
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import triton_metal
import triton_metal.compat as triton
import triton_metal.compat.language as tl
from triton_metal.compat.language.extra import libdevice
from triton_metal.compat.runtime import driver
from triton_metal.compat.tools.tensor_descriptor import TensorDescriptor

try:
    import torch
except ImportError:
    torch = None

needs_torch = pytest.mark.skipif(torch is None, reason="torch is not here")


class NumpyMaker:
    name = "numpy"

    @staticmethod
    def make(values):
        return np.array(values)

    @staticmethod
    def strides(array):
        return tuple(s // array.itemsize for s in array.strides)

    @staticmethod
    def back(array):
        return array


class TorchMaker:
    name = "torch"

    @staticmethod
    def make(values):
        return torch.from_numpy(np.array(values))

    @staticmethod
    def strides(array):
        return array.stride()

    @staticmethod
    def back(array):
        return array.detach().numpy()


@pytest.fixture(params=["numpy", pytest.param("torch", marks=needs_torch)])
def kind(request):
    return NumpyMaker if request.param == "numpy" else TorchMaker


def floats(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


# ---- 1: vector addition, with a benchmark ----


@triton.jit
def add_kernel(x_ptr, y_ptr, output_ptr, n_elements, BLOCK_SIZE: tl.constexpr):
    pid = tl.program_id(axis=0)
    block_start = pid * BLOCK_SIZE
    offsets = block_start + tl.arange(0, BLOCK_SIZE)
    mask = offsets < n_elements
    tl.store(output_ptr + offsets, tl.load(x_ptr + offsets, mask=mask) + tl.load(y_ptr + offsets, mask=mask), mask=mask)


def test_vector_addition(kind):
    x, y = floats(98432), floats(98432, seed=1)
    out = kind.make(np.zeros_like(x))
    n = x.size
    grid = lambda meta: (triton.cdiv(n, meta["BLOCK_SIZE"]), )  # noqa: E731
    add_kernel[grid](kind.make(x), kind.make(y), out, n, BLOCK_SIZE=1024)
    assert (kind.back(out) == x + y).all()


def test_perf_reports(tmp_path, capsys):
    @triton.testing.perf_report(triton.testing.Benchmark(
        x_names=["size"], x_vals=[2**i for i in range(8, 11)], x_log=True, line_arg="provider",
        line_vals=["triton", "numpy"], line_names=["Triton", "numpy"], styles=[("blue", "-"), ("green", "-")],
        ylabel="GB/s", plot_name="vector-add-performance", args={}))
    def benchmark(size, provider):
        x, out = floats(size), np.zeros(size, np.float32)
        run = (lambda: add_kernel[(1,)](x, x, out, size, BLOCK_SIZE=1024)) if provider == "triton" else lambda: x + x
        ms, low, high = triton.testing.do_bench(run, warmup=1, rep=2, quantiles=[0.5, 0.2, 0.8])
        return tuple(3 * x.size * x.itemsize * 1e-9 / (t * 1e-3) for t in (ms, high, low))

    table = benchmark.run(print_data=True, save_path=str(tmp_path), return_df=True)
    assert len(table) == 3 and "vector-add-performance" in capsys.readouterr().out
    assert (tmp_path / "vector-add-performance.csv").read_text().startswith("size,")


# ---- 2: softmax that asks the device ----


@triton.jit
def softmax_kernel(output_ptr, input_ptr, input_row_stride, output_row_stride, n_rows, n_cols,
                   BLOCK_SIZE: tl.constexpr, num_stages: tl.constexpr):
    row_start = tl.program_id(0)
    row_step = tl.num_programs(0)
    for row_idx in tl.range(row_start, n_rows, row_step, num_stages=num_stages):
        cols = tl.arange(0, BLOCK_SIZE)
        row = tl.load(input_ptr + row_idx * input_row_stride + cols, mask=cols < n_cols, other=-float("inf"))
        numerator = tl.exp(row - tl.max(row, axis=0))
        tl.store(output_ptr + row_idx * output_row_stride + cols, numerator / tl.sum(numerator, axis=0),
                 mask=cols < n_cols)


def test_softmax_with_occupancy(kind):
    device = driver.active.get_current_device()
    properties = driver.active.utils.get_device_properties(device)
    assert driver.active.get_current_target().backend == "metal" and not hasattr(triton, "cuda")
    warp_size, registers = properties["warpSize"], properties["max_num_regs"]
    x = floats(50, 781)
    array, out = kind.make(x), kind.make(np.zeros_like(x))
    args = (out, array, *kind.strides(array)[:1], *kind.strides(out)[:1], 50, 781)
    kernel = softmax_kernel.warmup(*args, BLOCK_SIZE=1024, num_stages=2, num_warps=8, grid=(1,))
    kernel._init_handles()
    assert kernel.n_regs > 0 and kernel.metadata.shared <= properties["max_shared_mem"]
    programs = max(1, registers // (kernel.n_regs * warp_size * 8)) * max(1, properties["multiprocessor_count"])
    softmax_kernel[(min(programs, 50), 1, 1)](*args, BLOCK_SIZE=1024, num_stages=2, num_warps=8)
    wide = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
    assert np.allclose(kind.back(out), wide / wide.sum(axis=1, keepdims=True), rtol=1e-5, atol=1e-7)
    kind.back(out)[:] = 0
    kernel[(7, 1, 1)](*args)
    assert np.allclose(kind.back(out), wide / wide.sum(axis=1, keepdims=True), rtol=1e-5, atol=1e-7)


# ---- 3: matrix product ----


def configs():
    return [triton.Config({"BLOCK_SIZE_M": 32, "BLOCK_SIZE_N": 32, "BLOCK_SIZE_K": 16}, num_stages=2, num_warps=2),
            triton.Config({"BLOCK_SIZE_M": 64, "BLOCK_SIZE_N": 64, "BLOCK_SIZE_K": 32}, num_stages=3, num_warps=4)]


@triton.autotune(configs=configs(), key=["M", "N", "K"])
@triton.jit
def matmul_kernel(a_ptr, b_ptr, c_ptr, M, N, K, stride_am, stride_ak, stride_bk, stride_bn, stride_cm, stride_cn,
                  BLOCK_SIZE_M: tl.constexpr, BLOCK_SIZE_N: tl.constexpr, BLOCK_SIZE_K: tl.constexpr):
    tl.assume(stride_am > 0)
    pid_m, pid_n = tl.program_id(0), tl.program_id(1)
    offs_am = (pid_m * BLOCK_SIZE_M + tl.arange(0, BLOCK_SIZE_M)) % M
    offs_bn = (pid_n * BLOCK_SIZE_N + tl.arange(0, BLOCK_SIZE_N)) % N
    offs_k = tl.arange(0, BLOCK_SIZE_K)
    a_ptrs = a_ptr + (offs_am[:, None] * stride_am + offs_k[None, :] * stride_ak)
    b_ptrs = b_ptr + (offs_k[:, None] * stride_bk + offs_bn[None, :] * stride_bn)
    accumulator = tl.zeros((BLOCK_SIZE_M, BLOCK_SIZE_N), dtype=tl.float32)
    for k in range(0, tl.cdiv(K, BLOCK_SIZE_K)):
        a = tl.load(a_ptrs, mask=offs_k[None, :] < K - k * BLOCK_SIZE_K, other=0.0)
        b = tl.load(b_ptrs, mask=offs_k[:, None] < K - k * BLOCK_SIZE_K, other=0.0)
        accumulator = tl.dot(a, b, accumulator)
        a_ptrs += BLOCK_SIZE_K * stride_ak
        b_ptrs += BLOCK_SIZE_K * stride_bk
    offs_cm = pid_m * BLOCK_SIZE_M + tl.arange(0, BLOCK_SIZE_M)
    offs_cn = pid_n * BLOCK_SIZE_N + tl.arange(0, BLOCK_SIZE_N)
    tl.store(c_ptr + stride_cm * offs_cm[:, None] + stride_cn * offs_cn[None, :], accumulator.to(tl.float16),
             mask=(offs_cm[:, None] < M) & (offs_cn[None, :] < N))


def test_matrix_product(kind):
    M, N, K = 96, 80, 64
    a, b = floats(M, K).astype(np.float16), floats(K, N, seed=1).astype(np.float16)
    c = kind.make(np.zeros((M, N), np.float16))
    grid = lambda META: (triton.cdiv(M, META["BLOCK_SIZE_M"]), triton.cdiv(N, META["BLOCK_SIZE_N"]))  # noqa: E731
    x, y = kind.make(a), kind.make(b)
    matmul_kernel[grid](x, y, c, M, N, K, *kind.strides(x), *kind.strides(y), *kind.strides(c))
    assert np.abs(kind.back(c) - a.astype(np.float64) @ b.astype(np.float64)).max() < 3e-2
    assert matmul_kernel.best_config in matmul_kernel.configs


# ---- 4: dropout ----


@triton.jit
def seeded_dropout(x_ptr, output_ptr, n_elements, p, seed, BLOCK_SIZE: tl.constexpr):
    offsets = tl.program_id(axis=0) * BLOCK_SIZE + tl.arange(0, BLOCK_SIZE)
    mask = offsets < n_elements
    x = tl.load(x_ptr + offsets, mask=mask)
    keep = tl.rand(seed, offsets) > p
    tl.store(output_ptr + offsets, tl.where(keep, x / (1 - p), 0.0), mask=mask)


def test_seeded_dropout(kind):
    x = np.ones(10_000, np.float32)
    results = []
    for seed in (123, 123, 512):
        out = kind.make(np.zeros_like(x))
        seeded_dropout[lambda meta: (triton.cdiv(10_000, meta["BLOCK_SIZE"]),)](kind.make(x), out, 10_000, 0.5, seed,
                                                                                BLOCK_SIZE=1024)
        results.append(kind.back(out).copy())
    assert (results[0] == results[1]).all() and (results[0] != results[2]).any()
    assert set(np.unique(results[0])) == {0.0, 2.0} and abs((results[0] == 0).mean() - 0.5) < 0.03


# ---- 5: layer norm, forward and backward with locks ----


@triton.jit
def layer_norm_forward(X, Y, W, B, Mean, Rstd, stride, N, eps, BLOCK_SIZE: tl.constexpr):
    row = tl.program_id(0)
    Y += row * stride
    X += row * stride
    acc = tl.zeros([BLOCK_SIZE], dtype=tl.float32)
    for off in range(0, N, BLOCK_SIZE):
        cols = off + tl.arange(0, BLOCK_SIZE)
        acc += tl.load(X + cols, mask=cols < N, other=0.).to(tl.float32)
    mean = tl.sum(acc, axis=0) / N
    acc = tl.zeros([BLOCK_SIZE], dtype=tl.float32)
    for off in range(0, N, BLOCK_SIZE):
        cols = off + tl.arange(0, BLOCK_SIZE)
        x = tl.where(cols < N, tl.load(X + cols, mask=cols < N, other=0.).to(tl.float32) - mean, 0.)
        acc += x * x
    rstd = 1 / tl.sqrt(tl.sum(acc, axis=0) / N + eps)
    tl.store(Mean + row, mean)
    tl.store(Rstd + row, rstd)
    for off in range(0, N, BLOCK_SIZE):
        cols = off + tl.arange(0, BLOCK_SIZE)
        mask = cols < N
        x_hat = (tl.load(X + cols, mask=mask, other=0.).to(tl.float32) - mean) * rstd
        tl.store(Y + cols, x_hat * tl.load(W + cols, mask=mask) + tl.load(B + cols, mask=mask), mask=mask)


@triton.jit
def layer_norm_weights(X, DY, Mean, Rstd, DW, DB, stride, M, N, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr):
    cols = tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N)
    dw = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    db = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    for i in range(0, M, BLOCK_M):
        rows = i + tl.arange(0, BLOCK_M)
        mask = (rows[:, None] < M) & (cols[None, :] < N)
        at = rows[:, None] * stride + cols[None, :]
        x, dy = tl.load(X + at, mask=mask, other=0.), tl.load(DY + at, mask=mask, other=0.)
        mean, rstd = tl.load(Mean + rows, rows < M, 0.), tl.load(Rstd + rows, rows < M, 0.)
        dw += dy * (x - mean[:, None]) * rstd[:, None]
        db += dy
    tl.atomic_add(DW + cols, tl.sum(dw, axis=0), mask=cols < N)
    tl.atomic_add(DB + cols, tl.sum(db, axis=0), mask=cols < N)


def test_layer_norm(kind):
    M, N = 37, 151
    x, w, b, dy = floats(M, N), floats(N, seed=1), floats(N, seed=2), floats(M, N, seed=3)
    X, W, B, DY = map(kind.make, (x, w, b, dy))
    Y, mean, rstd = kind.make(np.zeros_like(x)), kind.make(np.zeros(M, np.float32)), kind.make(np.zeros(M, np.float32))
    layer_norm_forward[(M,)](X, Y, W, B, mean, rstd, N, N, 1e-5, BLOCK_SIZE=128, num_warps=4, num_ctas=1)
    wide = x.astype(np.float64)
    m, r = wide.mean(1, keepdims=True), 1 / np.sqrt(wide.var(1, keepdims=True) + 1e-5)
    assert np.allclose(kind.back(Y), (wide - m) * r * w + b, rtol=1e-4, atol=1e-5)
    dw, db = kind.make(np.zeros(N, np.float32)), kind.make(np.zeros(N, np.float32))
    layer_norm_weights[(triton.cdiv(N, 64),)](X, DY, mean, rstd, dw, db, N, M, N, BLOCK_M=32, BLOCK_N=64)
    assert np.allclose(kind.back(dw), (dy * (wide - m) * r).sum(0), rtol=1e-4, atol=1e-4)
    assert np.allclose(kind.back(db), dy.sum(0, dtype=np.float64), rtol=1e-4, atol=1e-4)


# ---- 6: attention over descriptors ----


@triton.jit
def attention_inner(acc, l_i, m_i, q, desc_k, desc_v, y, lo, hi, qk_scale, N_CTX, BLOCK_N: tl.constexpr):
    for start in tl.range(lo, hi, BLOCK_N):
        start = tl.multiple_of(start, BLOCK_N)
        k = desc_k.load([y + start, 0]).T
        qk = tl.dot(q, k) * qk_scale
        m_ij = tl.maximum(m_i, tl.max(qk, 1))
        p = tl.math.exp2(qk - m_ij[:, None])
        alpha = tl.math.exp2(m_i - m_ij)
        l_i = l_i * alpha + tl.sum(p, 1)
        acc = tl.dot(p.to(tl.float16), desc_v.load([y + start, 0]), acc * alpha[:, None])
        m_i = m_ij
    return acc, l_i, m_i


@triton.jit
def attention(sm_scale, M, Z, H, desc_q, desc_k, desc_v, desc_o, N_CTX, HEAD_DIM: tl.constexpr, BLOCK_M: tl.constexpr,
              BLOCK_N: tl.constexpr):
    tl.static_assert(BLOCK_N <= HEAD_DIM)
    start_m, off_hz = tl.program_id(0), tl.program_id(1)
    y = off_hz * N_CTX
    m_i = tl.zeros([BLOCK_M], dtype=tl.float32) - float("inf")
    l_i = tl.zeros([BLOCK_M], dtype=tl.float32)
    acc = tl.zeros([BLOCK_M, HEAD_DIM], dtype=tl.float32)
    q = desc_q.load([y + start_m * BLOCK_M, 0])
    acc, l_i, m_i = attention_inner(acc, l_i, m_i, q, desc_k, desc_v, y, 0, N_CTX, sm_scale * 1.44269504, N_CTX,
                                    BLOCK_N)
    tl.store(M + off_hz * N_CTX + start_m * BLOCK_M + tl.arange(0, BLOCK_M), m_i + tl.math.log2(l_i))
    desc_o.store([y + start_m * BLOCK_M, 0], (acc / l_i[:, None]).to(tl.float16))


def test_attention_over_descriptors(kind):
    Z, H, N, D = 1, 2, 64, 32
    q, k, v = (floats(Z, H, N, D, seed=i).astype(np.float16) for i in range(3))
    out, m = kind.make(np.zeros_like(q)), kind.make(np.zeros((Z, H, N), np.float32))

    def describe(array, rows):
        return TensorDescriptor(array, shape=[Z * H * N, D], strides=[D, 1], block_shape=[rows, D])

    held = [kind.make(a) for a in (q, k, v)]
    attention[(N // 32, Z * H, 1)](D**-0.5, m, Z, H, *[describe(array, 32) for array in (*held, out)], N_CTX=N,
                                   HEAD_DIM=D, BLOCK_M=32, BLOCK_N=32)
    s = np.einsum("zhmd,zhnd->zhmn", q.astype(np.float64), k.astype(np.float64)) * D**-0.5
    p = np.exp(s - s.max(-1, keepdims=True))
    assert np.abs(kind.back(out) - np.einsum("zhmn,zhnd->zhmd", p / p.sum(-1, keepdims=True), v)).max() < 5e-3


# ---- 7: libdevice ----


@triton.jit
def asin_kernel(x_ptr, y_ptr, n_elements, BLOCK_SIZE: tl.constexpr):
    offsets = tl.program_id(axis=0) * BLOCK_SIZE + tl.arange(0, BLOCK_SIZE)
    mask = offsets < n_elements
    tl.store(y_ptr + offsets, libdevice.asin(tl.load(x_ptr + offsets, mask=mask)), mask=mask)


def test_libdevice(kind):
    x = np.random.default_rng(0).uniform(-1, 1, 1000).astype(np.float32)
    out = kind.make(np.zeros_like(x))
    asin_kernel[(1,)](kind.make(x), out, 1000, BLOCK_SIZE=1024)
    assert np.allclose(kind.back(out), np.arcsin(x.astype(np.float64)), rtol=1e-5, atol=1e-6)


# ---- torch ----


@needs_torch
def test_torch_tensors_are_not_copied_and_may_move():
    x, out = torch.randn(1000), torch.zeros(1000)
    add_kernel[(1,)](x, x, out, 1000, BLOCK_SIZE=1024)
    assert torch.equal(out, x + x)
    out.resize_(2_000_000).zero_()
    add_kernel[(1,)](x, x, out, 1000, BLOCK_SIZE=1024)
    assert torch.equal(out[:1000], x + x)
    out.set_(torch.zeros(1000).storage() if not hasattr(torch.Tensor, "untyped_storage")
             else torch.zeros(1000).untyped_storage())
    out = out.view(-1)[:1000]
    add_kernel[(1,)](x[:500], x[500:], out[250:], 500, BLOCK_SIZE=512)
    assert torch.equal(out[250:750], x[:500] + x[500:])


@needs_torch
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int32", "int64", "uint8", "bool"])
def test_torch_types(dtype):
    @triton.jit
    def copy(x, out, n, BLOCK: tl.constexpr):
        i = tl.arange(0, BLOCK)
        tl.store(out + i, tl.load(x + i, i < n), i < n)

    x = (torch.arange(100) % 5).to(getattr(torch, dtype))
    out = torch.zeros(100, dtype=x.dtype)
    copy[(1,)](x, out, 100, BLOCK=128)
    assert torch.equal(out, x)


@needs_torch
def test_torch_modules_with_gradients():
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            out = torch.empty_like(x)
            add_kernel[(1,)](x, x, out, x.numel(), BLOCK_SIZE=128)
            return out

        @staticmethod
        def backward(ctx, grad):
            grad = grad.contiguous()
            out = torch.empty_like(grad)
            add_kernel[(1,)](grad, grad, out, grad.numel(), BLOCK_SIZE=128)
            return out

    x = torch.randn(100, requires_grad=True)
    Double.apply(x).sum().backward()
    assert torch.equal(x.grad, torch.full((100,), 2.0))


@needs_torch
def test_reinterpreted_tensors():
    values = floats(64)
    x, out = torch.from_numpy(values.view(np.int32)), torch.zeros(64, dtype=torch.int32)
    as_floats = triton.reinterpret(x, tl.float32)
    add_kernel[(1,)](as_floats, as_floats, triton.reinterpret(out, tl.float32), 64, BLOCK_SIZE=64)
    assert (out.numpy().view(np.float32) == values * 2).all()


# ---- modules and names ----


def test_upstreams_names_are_there():
    for name in ("jit", "autotune", "heuristics", "Config", "cdiv", "next_power_of_2", "JITFunction", "KernelInterface",
                 "CompilationError", "TritonError", "OutOfResources", "MockTensor", "TensorWrapper", "reinterpret",
                 "set_allocator", "testing", "language", "runtime", "compiler", "tools", "constexpr_function"):
        assert hasattr(triton, name), name
    assert tuple(map(int, triton.__version__.split(".")[:2])) >= (3, 6)
    assert isinstance(add_kernel, triton.JITFunction) and isinstance(add_kernel, triton.runtime.JITFunction)
    assert add_kernel.arg_names == ["x_ptr", "y_ptr", "output_ptr", "n_elements", "BLOCK_SIZE"]
    assert add_kernel.constexprs == [4] and add_kernel.params[4].is_constexpr and add_kernel.fn.__name__ == "add_kernel"
    assert add_kernel.src.startswith("def add_kernel(") and len(add_kernel.cache_key) == 64
    assert matmul_kernel.fn.__class__ is triton.JITFunction and matmul_kernel.base_fn.__name__ == "matmul_kernel"
    assert tl is triton_metal.language and sys.modules["triton_metal.compat.language"] is tl


def test_kernels_compile_for_named_chips():
    source = triton.compiler.ASTSource(
        fn=add_kernel, signature={"x_ptr": "*fp32", "y_ptr": "*fp32", "output_ptr": "*fp32", "n_elements": "i32",
                                  "BLOCK_SIZE": "constexpr"},
        constexprs={"BLOCK_SIZE": 128}, attrs={(0,): [["tt.divisibility", 16]]})
    kernel = triton.compile(source, target=triton.compiler.GPUTarget("metal", "m4-max", 32), options={"num_warps": 2})
    assert kernel.metadata.target.arch == "m4-max" and kernel.metadata.num_warps == 2
    assert "tt.divisibility" in kernel.asm["ttir"]


SCRIPT = """
import sys
import numpy as np
import triton
import triton.language as tl
from triton.language.extra import libdevice
from triton.runtime import driver

assert triton.__name__ == "triton_metal.compat"

@triton.jit
def kernel(x, out, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(out + i, libdevice.rint(tl.load(x + i)))

x, out = np.linspace(0, 5, 16).astype(np.float32), np.zeros(16, np.float32)
kernel[(1,)](x, out, BLOCK=16)
assert (out == np.rint(x)).all()
print(sys.argv[1:], driver.active.get_current_target().backend)
"""


MPS = """
import ctypes, sys, types
import numpy as np
import triton_metal, triton_metal.language as tl
from triton_metal import _c

torch = sys.modules["torch"] = types.ModuleType("torch")
waits = []
torch.mps = types.SimpleNamespace(synchronize=lambda: waits.append(1))

class Storage:
    def __init__(self, array):
        self.array = array
    def data_ptr(self):
        return _c.library.tm_buffer_metal(self.array._entry.buffer.handle, None)

class Tensor:
    # What torch says of a tensor on MPS: data_ptr() of the storage is the id<MTLBuffer>.
    dtype = "torch.float32"
    device = types.SimpleNamespace(type="mps")
    def __init__(self, array, first):
        self.array, self.first = array, first
    def untyped_storage(self):
        return Storage(self.array)
    def data_ptr(self):
        return Storage(self.array).data_ptr() + 4 * self.first
    def storage_offset(self):
        return self.first
    def element_size(self):
        return 4
    def numel(self):
        return self.array.size - self.first

torch.Tensor = Tensor

@triton_metal.jit
def double(x, out, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    tl.store(out + i, tl.load(x + i, i < n) * 2, i < n)

x, out = triton_metal.from_numpy(np.arange(64, dtype=np.float32)), triton_metal.zeros(64)
for _ in range(2):
    double[(1,)](Tensor(x, 8), Tensor(out, 4), 50, BLOCK=64)
raw = np.frombuffer(out._entry.buffer.memory(), np.float32)[:64]  # without waiting
assert (raw[4:54] == 2 * np.arange(8, 58)).all() and (raw[:4] == 0).all() and (raw[54:] == 0).all(), raw
assert len(waits) == 4
print("done")
"""


@pytest.mark.skipif(sys.platform == "darwin", reason="there is a real torch for it")
def test_tensors_on_mps_are_taken_by_their_buffers(tmp_path):
    program = tmp_path / "mps.py"
    program.write_text(MPS)
    folder = os.path.dirname(os.path.dirname(os.path.abspath(triton_metal.__file__)))
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=120,
                          env=dict(os.environ, PYTHONPATH=folder))
    assert done.returncode == 0 and done.stdout == "done\n", done.stderr


def test_unmodified_programs_run(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(SCRIPT))
    folder = os.path.dirname(os.path.dirname(os.path.abspath(triton_metal.__file__)))
    done = subprocess.run([sys.executable, "-m", "triton_metal", str(program), "a", "b"], capture_output=True,
                          text=True, env=dict(os.environ, PYTHONPATH=folder), timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['a', 'b'] metal\n"
