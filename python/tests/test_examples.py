# SPDX-License-Identifier: MIT
"""The founding examples, in the forms that they use: decorators, grids, the
backend's calls. Expected values are numpy's in double precision."""
import json
import os
import subprocess
import sys

import numpy as np
import pytest

import triton_metal
import triton_metal.language as tl
from triton_metal.backends import metal
from triton_metal.backends.metal import MPSDriver, register_custom_op


def floats(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@triton_metal.jit
def vector_add(x_ptr, y_ptr, output_ptr, n_elements, BLOCK_SIZE: tl.constexpr):
    pid = tl.program_id(axis=0)
    offsets = pid * BLOCK_SIZE + tl.arange(0, BLOCK_SIZE)
    mask = offsets < n_elements
    x = tl.load(x_ptr + offsets, mask=mask)
    y = tl.load(y_ptr + offsets, mask=mask)
    tl.store(output_ptr + offsets, x + y, mask=mask)


def test_vector_add_with_a_tuple_and_with_a_lambda():
    n = 98432
    x, y, out = floats(n), floats(n, seed=1), np.empty(n, np.float32)
    vector_add[(triton_metal.cdiv(n, 1024),)](x, y, out, n, BLOCK_SIZE=1024)
    assert (out == x + y).all()
    out[:] = 0
    vector_add[lambda meta: (triton_metal.cdiv(n, meta["BLOCK_SIZE"]),)](x, y, out, n, BLOCK_SIZE=512)
    assert (out == x + y).all()


@triton_metal.jit(backend="metal")
def double_metal(x, out, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out + i, tl.load(x + i, i < n) * 2, i < n)


@triton_metal.jit(config={"THREADS_PER_WARP": 32, "WARPS_PER_BLOCK": 8})
def double_config(x, out, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out + i, tl.load(x + i, i < n) * 2, i < n)


def test_jit_takes_a_backend_and_a_config():
    x, out = floats(1000), np.zeros(1000, np.float32)
    double_metal[(4,)](x, out, 1000, BLOCK=256)
    assert (out == 2 * x).all()
    kernel = double_config[(4,)](x, out, 1000, BLOCK=256)
    assert kernel.metadata.num_warps == 8 and kernel.metadata.threads == 256
    with pytest.raises(ValueError, match="'cuda'"):
        triton_metal.jit(backend="cuda")
    with pytest.raises(ValueError, match="32 threads"):
        triton_metal.jit(config={"THREADS_PER_WARP": 64})


@triton_metal.jit(autotune=True, configs=[
    triton_metal.Config({"BLOCK_SIZE": 128, "NUM_WARPS": 4}),
    triton_metal.Config({"BLOCK_SIZE": 256, "NUM_WARPS": 8}),
], key=["n"])
def tuned_add(x, y, out, n, BLOCK_SIZE: tl.constexpr):
    i = tl.program_id(0) * BLOCK_SIZE + tl.arange(0, BLOCK_SIZE)
    tl.store(out + i, tl.load(x + i, i < n) + tl.load(y + i, i < n), i < n)


def test_jit_autotunes():
    for n in (1000, 5000):
        x, y, out = floats(n), floats(n, seed=1), np.zeros(n, np.float32)
        tuned_add[lambda meta: (triton_metal.cdiv(n, meta["BLOCK_SIZE"]),)](x, y, out, n)
        assert (out == x + y).all()
        assert tuned_add.best_config.kwargs["BLOCK_SIZE"] in (128, 256)


@triton_metal.jit
def softmax_kernel(out, x, x_stride, out_stride, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    i = tl.arange(0, BLOCK)
    v = tl.load(x + row * x_stride + i, i < columns, -float("inf"))
    e = tl.exp(v - tl.max(v, axis=0))
    tl.store(out + row * out_stride + i, e / tl.sum(e, axis=0), i < columns)


def test_softmax():
    x = floats(70, 781)
    out = np.empty_like(x)
    softmax_kernel[(70,)](out, x, x.strides[0] // 4, out.strides[0] // 4, 781,
                          BLOCK=triton_metal.next_power_of_2(781), num_warps=4)
    wide = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
    assert np.allclose(out, wide / wide.sum(axis=1, keepdims=True), rtol=1e-5, atol=1e-7)


@triton_metal.autotune(
    configs=[
        triton_metal.Config({"BLOCK_M": 32, "BLOCK_N": 32, "BLOCK_K": 32, "GROUP_M": 4}, num_warps=4, num_stages=2),
        triton_metal.Config({"BLOCK_M": 64, "BLOCK_N": 32, "BLOCK_K": 16, "GROUP_M": 8}, num_warps=4, num_stages=3),
    ],
    key=["M", "N", "K"])
@triton_metal.jit
def matmul_kernel(a, b, c, M, N, K, am, ak, bk, bn, cm, cn, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
                  BLOCK_K: tl.constexpr, GROUP_M: tl.constexpr, ACTIVATION: tl.constexpr):
    pid = tl.program_id(0)
    tiles_m, tiles_n = tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N)
    group = GROUP_M * tiles_n
    first = pid // group * GROUP_M
    size = min(tiles_m - first, GROUP_M)
    pid_m = first + pid % group % size
    pid_n = pid % group // size
    rm = (pid_m * BLOCK_M + tl.arange(0, BLOCK_M)) % M
    rn = (pid_n * BLOCK_N + tl.arange(0, BLOCK_N)) % N
    rk = tl.arange(0, BLOCK_K)
    pa = a + rm[:, None] * am + rk[None, :] * ak
    pb = b + rk[:, None] * bk + rn[None, :] * bn
    acc = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    for k in range(0, tl.cdiv(K, BLOCK_K)):
        acc = tl.dot(tl.load(pa, mask=rk[None, :] < K - k * BLOCK_K, other=0.0),
                     tl.load(pb, mask=rk[:, None] < K - k * BLOCK_K, other=0.0), acc)
        pa += BLOCK_K * ak
        pb += BLOCK_K * bk
    if ACTIVATION == "leaky_relu":
        acc = leaky_relu(acc)
    rm = pid_m * BLOCK_M + tl.arange(0, BLOCK_M)
    rn = pid_n * BLOCK_N + tl.arange(0, BLOCK_N)
    tl.store(c + rm[:, None] * cm + rn[None, :] * cn, acc.to(tl.float16), (rm[:, None] < M) & (rn[None, :] < N))


@triton_metal.jit
def leaky_relu(x):
    return tl.where(x >= 0, x, 0.01 * x)


def test_matmul_with_autotune_and_an_activation():
    M, N, K = 100, 72, 80
    a, b = floats(M, K).astype(np.float16), floats(N, K, seed=1).astype(np.float16).T
    c = np.zeros((M, N), np.float16)
    matmul_kernel[lambda meta: (triton_metal.cdiv(M, meta["BLOCK_M"]) * triton_metal.cdiv(N, meta["BLOCK_N"]),)](
        a, b, c, M, N, K, *(s // 2 for s in (*a.strides, *b.strides, *c.strides)), ACTIVATION="leaky_relu")
    exact = a.astype(np.float64) @ b.astype(np.float64)
    exact = np.where(exact >= 0, exact, 0.01 * exact)
    assert np.abs(c - exact).max() < 2e-2


@triton_metal.autotune(configs=[triton_metal.Config({"BLOCK_M": m, "BLOCK_N": n}, num_warps=w)
                                for m, n, w in ((32, 32, 2), (32, 16, 4))], key=["N_CTX", "HEAD"])
@triton_metal.jit
def attention_kernel(q, k, v, out, scale, stride_z, stride_h, stride_m, H, N_CTX, HEAD: tl.constexpr,
                     BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, CAUSAL: tl.constexpr):
    start, zh = tl.program_id(0), tl.program_id(1)
    base = (zh // H) * stride_z + (zh % H) * stride_h
    rm, rn, rd = start * BLOCK_M + tl.arange(0, BLOCK_M), tl.arange(0, BLOCK_N), tl.arange(0, HEAD)
    tile_q = tl.load(q + base + rm[:, None] * stride_m + rd[None, :], rm[:, None] < N_CTX, 0.0)
    m = tl.full([BLOCK_M], -float("inf"), tl.float32)
    total = tl.zeros([BLOCK_M], tl.float32)
    acc = tl.zeros([BLOCK_M, HEAD], tl.float32)
    end = tl.minimum((start + 1) * BLOCK_M, N_CTX) if CAUSAL else N_CTX
    for n in range(0, end, BLOCK_N):
        tile_k = tl.load(k + base + (n + rn)[None, :] * stride_m + rd[:, None], (n + rn)[None, :] < N_CTX, 0.0)
        s = tl.dot(tile_q, tile_k) * (scale * 1.44269504)
        seen = (n + rn)[None, :] < N_CTX
        if CAUSAL:
            seen = seen & (rm[:, None] >= (n + rn)[None, :])
        s = tl.where(seen, s, -float("inf"))
        new = tl.maximum(m, tl.max(s, 1))
        p = tl.math.exp2(s - new[:, None])
        alpha = tl.math.exp2(m - new)
        total = total * alpha + tl.sum(p, 1)
        tile_v = tl.load(v + base + (n + rn)[:, None] * stride_m + rd[None, :], (n + rn)[:, None] < N_CTX, 0.0)
        acc = tl.dot(p.to(tile_v.dtype), tile_v, acc * alpha[:, None])
        m = new
    tl.store(out + base + rm[:, None] * stride_m + rd[None, :], (acc / total[:, None]).to(out.dtype.element_ty),
             rm[:, None] < N_CTX)


@pytest.mark.parametrize("causal", [False, True])
def test_attention_with_autotune(causal):
    Z, H, N, D = 1, 2, 70, 32
    q, k, v = (floats(Z, H, N, D, seed=i) for i in range(3))
    out = np.zeros_like(q)
    strides = [s // 4 for s in q.strides]
    attention_kernel[lambda meta: (triton_metal.cdiv(N, meta["BLOCK_M"]), Z * H)](
        q, k, v, out, D**-0.5, *strides[:3], H, N, HEAD=D, CAUSAL=causal)
    s = np.einsum("zhmd,zhnd->zhmn", q.astype(np.float64), k.astype(np.float64)) * D**-0.5
    if causal:
        s = np.where(np.tril(np.ones((N, N), bool)), s, -np.inf)
    p = np.exp(s - s.max(-1, keepdims=True))
    exact = np.einsum("zhmn,zhnd->zhmd", p / p.sum(-1, keepdims=True), v)
    assert np.allclose(out, exact, rtol=1e-3, atol=1e-4)


@triton_metal.heuristics({"EVEN": lambda args: args["n"] % args["BLOCK"] == 0})
@triton_metal.jit
def copy_even(x, out, n, BLOCK: tl.constexpr, EVEN: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    if EVEN:
        tl.store(out + i, tl.load(x + i) + 1)
    else:
        tl.store(out + i, tl.load(x + i, i < n), i < n)


def test_heuristics():
    x, out = floats(300), np.zeros(300, np.float32)
    copy_even[(2,)](x, out, 256, BLOCK=128)
    assert (out[:256] == x[:256] + 1).all()
    copy_even[(3,)](x, out, 300, BLOCK=128)
    assert (out == x).all()


# ---- the backend ----


@register_custom_op("swish")
def swish(x):
    return x * tl.sigmoid(x)


register_custom_op("scaled_tanh", "fp32(fp32, fp32)",
                   "METAL_FUNC float scaled_tanh(float x, float y) { return precise::tanh(x) * y; }")


@triton_metal.jit
def activate(x, out, n, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    v = tl.load(x + i, i < n)
    tl.store(out + i, tl.custom("swish", v) + tl.custom("scaled_tanh", v, 3.0), i < n)


def test_custom_operations():
    x, out = floats(100), np.zeros(100, np.float32)
    activate[(1,)](x, out, 100, BLOCK=128)
    wide = x.astype(np.float64)
    assert np.allclose(out, wide / (1 + np.exp(-wide)) + 3 * np.tanh(wide), rtol=1e-5, atol=1e-6)

    @triton_metal.jit
    def unknown(x):
        tl.store(x, tl.custom("nobody_knows", tl.load(x)))

    with pytest.raises(triton_metal.CompilationError, match="nobody_knows"):
        unknown[(1,)](x)


def test_the_environment_is_checked(capsys):
    assert metal.is_available()
    result = metal.check_environment()
    shown = capsys.readouterr().out
    assert result["ok"] and result["generation"].startswith("M") and result["chip"]
    assert result["optimizations"] and result["layouts"] and result["missing"] == [] and result["macos"]
    assert result["settings"]["auto_tuning"] is True and metal.gpu_cores() == result["gpu_cores"]
    for word in ("device", "macOS", "chip", "generation", "layouts", "cache", "nothing is missing", "ready"):
        assert word in shown
    assert metal.check_environment(verbose=False)["device"] == result["device"]
    assert capsys.readouterr().out == ""


def test_memory_and_cache():
    pool = metal.memory_pool()
    array = triton_metal.zeros(1_000_000)
    after = metal.memory_pool()
    assert after.current_allocated >= pool.current_allocated + 4_000_000
    assert after.max_allocated >= after.current_allocated
    del array
    assert metal.memory_pool().current_allocated < after.current_allocated
    assert metal.cache_info()["rows"] > 0
    metal.clear_cache()
    assert metal.cache_info()["rows"] == 0
    metal.synchronize()


def test_profiling(tmp_path):
    x, out = floats(100_000), np.zeros(100_000, np.float32)
    metal.start_profiling()
    for _ in range(5):
        double_metal[(391,)](x, out, 100_000, BLOCK=256)
    report = metal.stop_profiling()
    row = report.rows[0]
    assert len(report) == 1 and row.kernel == "double_metal" and row.launches == 5 and row.gpu_total > 0
    assert row.gpu_min <= row.gpu_median <= row.gpu_p95 and "BLOCK=256" in row.specialization
    assert "double_metal" in str(report)
    assert json.loads(report.json())["kernels"][0]["launches"] == 5
    report.save_trace(tmp_path / "trace.json")
    assert json.loads((tmp_path / "trace.json").read_text())
    with pytest.raises(triton_metal.Error):
        metal.stop_profiling()
    with metal.profiling() as reports:
        double_metal[(391,)](x, out, 100_000, BLOCK=256)
    assert reports[0][0].launches == 1
    with pytest.raises(IndexError):
        reports[0][1]


def run_python(text, **environment):
    """What a new process prints; its package is this one's."""
    import triton_metal as package

    folder = os.path.dirname(os.path.dirname(os.path.abspath(package.__file__)))
    env = dict(os.environ, PYTHONPATH=folder, **environment)
    done = subprocess.run([sys.executable, *text], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


CONFIGURED = """
import numpy as np, triton_metal, triton_metal.language as tl
from triton_metal.backends.metal import MPSDriver
MPSDriver().set_kernel_config(num_warps=8, num_stages=2, max_threads=128, shared_memory=1024)

@triton_metal.jit
def total(x, out, N: tl.constexpr):
    tl.store(out, tl.sum(tl.load(x + tl.arange(0, N))))

@triton_metal.jit
def large(x, out, N: tl.constexpr):
    s = tl.shared_memory([N], tl.float32)
    s[tl.arange(0, N)] = tl.load(x + tl.arange(0, N))
    tl.store(out, tl.sum(s[N - 1 - tl.arange(0, N)]))

x, out = np.ones(1024, np.float32), np.zeros(1, np.float32)
kernel = total[(1,)](x, out, N=1024)
print(out[0], kernel.metadata.num_warps, kernel.metadata.num_stages)
try:
    large[(1,)](x, out, N=1024)
except triton_metal.OutOfResources as error:
    print("refused")
"""


def test_kernel_defaults_are_set_through_the_driver(tmp_path):
    program = tmp_path / "configured.py"
    program.write_text(CONFIGURED)
    assert run_python([str(program)]) == "1024.0 4 2\nrefused\n"
    with pytest.raises(ValueError, match="power of two"):
        MPSDriver().set_kernel_config(num_warps=3)


def test_the_environments_variables_are_the_librarys(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import triton_metal\nfrom triton_metal.backends import metal\n"
                       "print(metal.environment()['cache_path'])\n"
                       "try:\n    triton_metal.jit(lambda: 0)\n"
                       "except ValueError as e:\n    print('TRITON_BACKEND' in str(e))\n")
    shown = run_python([str(program)], TRITON_METAL_CACHE_DIR=str(tmp_path / "mine"), TRITON_BACKEND="cuda")
    assert shown == f"{tmp_path}/mine/kernels.db\nTrue\n"


def test_the_settings_file_is_the_librarys(tmp_path):
    (tmp_path / ".triton").mkdir()
    (tmp_path / ".triton" / "metal_config.json").write_text('{"preferred_threadgroup_size": 256, "auto_tuning": false}')
    program = tmp_path / "program.py"
    program.write_text(LAST_WORDS.replace("say[(1,)](x)", "print(say.warmup(x, grid=(1,)).metadata.threads)") +
                       "from triton_metal.backends import metal\nprint(metal.auto_tuning())\n")
    assert run_python([str(program)], HOME=str(tmp_path)) == "256\nFalse\n"


def test_the_package_checks_from_the_command_line():
    assert "ready" in run_python(["-m", "triton_metal"], TRITON_BACKEND="metal")


LAST_WORDS = """
import numpy as np, triton_metal, triton_metal.language as tl

@triton_metal.jit
def say(x):
    tl.device_print("value", tl.load(x))

x = triton_metal.full(1, 7, "int32")
say[(1,)](x)
"""


def test_what_the_last_launch_prints_is_heard_at_exit(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(LAST_WORDS)
    import triton_metal as package

    folder = os.path.dirname(os.path.dirname(os.path.abspath(package.__file__)))
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=120,
                          env=dict(os.environ, PYTHONPATH=folder))
    assert done.returncode == 0 and "value: 7" in done.stdout and done.stderr == ""


def test_do_bench():
    x, out = floats(1000), np.zeros(1000, np.float32)
    ms = triton_metal.testing.do_bench(lambda: double_metal[(4,)](x, out, 1000, BLOCK=256), warmup=1, rep=5)
    assert 0 < ms < 1000
    three = triton_metal.testing.do_bench(lambda: None, warmup=1, rep=1, quantiles=[0.5, 0.2, 0.8])
    assert len(three) == 3 and three[1] <= three[0] <= three[2]
