# SPDX-License-Identifier: MIT
"""Autotuning: by the library, and by Python where hooks ask for it."""
import os
import subprocess
import sys

import numpy as np
import pytest

import triton_metal
import triton_metal.language as tl
from triton_metal import Config


def floats(n, seed=0):
    return np.random.default_rng(seed).standard_normal(n).astype(np.float32)


@triton_metal.jit
def accumulate(x, out, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out + i, tl.load(out + i, i < n) + tl.load(x + i, i < n), i < n)


CONFIGS = [Config({"BLOCK": 64}, num_warps=1), Config({"BLOCK": 256}, num_warps=4),
           Config({"BLOCK": 1024}, num_warps=8)]


def grid(meta):
    return (triton_metal.cdiv(meta["n"], meta["BLOCK"]),)


def tuned(**options):
    return triton_metal.autotune(CONFIGS, key=["n"], **options)(accumulate)


def test_what_a_kernel_accumulates_is_accumulated_once():
    kernel = tuned()
    x, out = floats(3000), np.zeros(3000, np.float32)
    for _ in range(3):
        kernel[grid](x, out, 3000)
    assert np.allclose(out, 3 * x, rtol=1e-6)
    assert len(kernel.cache) == 1 and kernel.best_config in CONFIGS
    assert set(kernel.configs_timings) == set(CONFIGS) and [r for r in kernel.tuning if r[3]]
    assert min(kernel.configs_timings[kernel.best_config]) < float("inf")
    kernel[grid](x[:2000], out[:2000], 2000)
    assert len(kernel.cache) == 2
    assert np.allclose(out[:2000], 4 * x[:2000], rtol=1e-6) and np.allclose(out[2000:], 3 * x[2000:], rtol=1e-6)


def test_read_only_arrays_are_tuned_with():
    x, out = floats(300), np.zeros(300, np.float32)
    x.flags.writeable = False
    kernel = tuned()
    for _ in range(2):
        kernel[grid](x, out, 300)
    assert np.allclose(out, 2 * x, rtol=1e-6)


def test_grid_functions_see_the_configuration_and_their_errors_come_out():
    kernel = tuned()
    x, out, seen = floats(500), np.zeros(500, np.float32), []

    def watching(meta):
        seen.append(meta["BLOCK"])
        assert meta["x"] is x and meta["n"] == 500
        return grid(meta)

    kernel[watching](x, out, 500)
    assert {64, 256, 1024} <= set(seen) and (out == x).all()

    def failing(meta):
        raise KeyError("my own mistake")

    with pytest.raises(KeyError, match="my own mistake"):
        tuned()[failing](x, out, 500)


def test_configurations_over_a_limit_are_passed_over():
    @triton_metal.autotune([Config({"N": 16384}), Config({"N": 64})], key=[])
    @triton_metal.jit
    def through_memory(x, out, N: tl.constexpr):
        s = tl.shared_memory([N], tl.float32)
        i = tl.arange(0, N)
        s[i] = tl.load(x + i, i < 64)
        tl.store(out + i, s[63 - i], i < 64)

    x, out = floats(64), np.zeros(64, np.float32)
    through_memory[(1,)](x, out)
    assert (out == x[::-1]).all() and through_memory.best_config.kwargs == {"N": 64}
    assert through_memory.configs_timings[through_memory.configs[0]][0] == float("inf")


def test_what_is_wrong_with_every_configuration_is_raised():
    @triton_metal.autotune([Config({"N": 16384}), Config({"N": 32768})], key=[])
    @triton_metal.jit
    def too_large(x, out, N: tl.constexpr):
        s = tl.shared_memory([N], tl.float32)
        s[tl.arange(0, N)] = tl.load(x)
        tl.store(out, tl.sum(s[N - 1 - tl.arange(0, N)]))

    with pytest.raises(triton_metal.OutOfResources, match="threadgroup memory"):
        too_large[(1,)](floats(1), np.zeros(1, np.float32))


def test_threads_tune_at_once():
    import threading

    kernel, wrong = tuned(), []

    def work(n):
        x, out = floats(n), np.zeros(n, np.float32)
        for _ in range(3):
            kernel[grid](x, out, n)
        if not np.allclose(out, 3 * x, rtol=1e-5):
            wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in (100, 100, 300, 700)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and len(kernel.cache) == 3


def test_tuned_values_must_not_be_given():
    x, out = floats(64), np.zeros(64, np.float32)
    with pytest.raises(ValueError, match="Conflicting meta-parameters: BLOCK"):
        tuned()[grid](x, out, 64, BLOCK=64)


def test_unknown_names_are_refused():
    with pytest.warns(UserWarning, match="key contains names that are not kernel arguments: m"):
        kernel = triton_metal.autotune(CONFIGS, key=["n", "m"])(accumulate)
    x, out = floats(100), np.zeros(100, np.float32)
    kernel[grid](x, out, 100)
    assert (out == x).all() and kernel.keys == ["n"]
    with pytest.raises(ValueError, match="restore_value"):
        tuned(restore_value=["nothing"])


def test_pruning():
    x, out = floats(300), np.zeros(300, np.float32)
    seen = []

    def prune(configs, named, **kwargs):
        seen.append((named["n"], len(configs)))
        return configs[1:]

    kernel = tuned(prune_configs_by={"early_config_prune": prune})
    kernel[grid](x, out, 300)
    assert seen == [(300, 3)] and kernel.best_config in CONFIGS[1:] and set(kernel.configs_timings) == set(CONFIGS[1:])
    kernel = tuned(prune_configs_by={"perf_model": lambda **all_: -all_["BLOCK"], "top_k": 2})
    kernel[grid](x, out, 300)
    assert set(kernel.configs_timings) == set(CONFIGS[1:])
    kernel = tuned(prune_configs_by={"early_config_prune": lambda configs, named, **kwargs: configs[:1]})
    kernel[grid](x, out, 300)
    assert kernel.best_config is CONFIGS[0]
    assert np.allclose(out, 3 * x, rtol=1e-6)
    with pytest.raises(triton_metal.errors.AutotunerError):
        tuned(prune_configs_by={"early_config_prune": lambda *a, **k: []})[grid](x, out, 300)


def test_hooks_run_around_each_launch():
    calls = []
    configs = [Config({"BLOCK": 64}, pre_hook=lambda named: calls.append(("config", named["BLOCK"]))),
               Config({"BLOCK": 128})]
    kernel = triton_metal.autotune(
        configs, key=["n"], restore_value=["out"], warmup=1, rep=1)(accumulate)
    x, out = floats(200), np.zeros(200, np.float32)
    kernel[grid](x, out, 200)
    assert np.allclose(out, x, rtol=1e-6) and ("config", 64) in calls
    kernel = triton_metal.autotune(
        CONFIGS, key=["n"], pre_hook=lambda named, reset_only=False: calls.append(reset_only),
        post_hook=lambda named, exception: named["out"].fill(0),
        do_bench=lambda call, quantiles: [call() or 1.0, 1.0, 1.0])(accumulate)
    out[:] = 0
    kernel[grid](x, out, 200)
    assert np.allclose(out, x, rtol=1e-6) and calls[-4:] == [False, False, False, True]


def test_reset_to_zero():
    @triton_metal.autotune([Config({"BLOCK": 32}), Config({"BLOCK": 64})], key=["n"], reset_to_zero=["total"])
    @triton_metal.jit
    def add_up(x, total, n, BLOCK: tl.constexpr):
        i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        tl.atomic_add(total, tl.sum(tl.load(x + i, i < n, 0)))

    x, total = np.arange(100, dtype=np.int32), np.zeros(1, np.int32)
    add_up[grid](x, total, 100)
    assert total[0] == 4950


def test_heuristics_between_the_decorators():
    @triton_metal.autotune([Config({"BLOCK": 32}), Config({"BLOCK": 64})], key=["n"])
    @triton_metal.heuristics({"EVEN": lambda args: args["n"] % args["BLOCK"] == 0})
    @triton_metal.jit
    def copy(x, out, n, BLOCK: tl.constexpr, EVEN: tl.constexpr):
        i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        if EVEN:
            tl.store(out + i, tl.load(x + i))
        else:
            tl.store(out + i, tl.load(x + i, i < n), i < n)

    for n in (256, 100):
        x, out = floats(n), np.zeros(n, np.float32)
        copy[grid](x, out, n)
        assert (out == x).all()


def test_heuristics_above_autotune_see_each_other():
    @triton_metal.heuristics({"EVEN": lambda args: args["n"] % 2 == 0, "TWICE": lambda args: 2 * args["EVEN"]})
    @triton_metal.autotune([Config({"BLOCK": 32}), Config({"BLOCK": 64})], key=["n", "EVEN"])
    @triton_metal.jit
    def fill(out, n, BLOCK: tl.constexpr, EVEN: tl.constexpr, TWICE: tl.constexpr):
        i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        tl.store(out + i, TWICE if EVEN else -1, i < n)

    out = np.zeros(100, np.int32)
    for _ in range(2):
        fill[grid](out, 100)
        assert (out == 2).all()
        fill[grid](out, 99)
        assert (out[:99] == -1).all() and out[99] == 2


def test_warmup_compiles_all_configurations():
    x, out = floats(100), np.zeros(100, np.float32)
    kernels = tuned().warmup(x, out, 100, grid=grid)
    assert [k.metadata.num_warps for k in kernels] == [1, 4, 8] and (out == 0).all()


@triton_metal.jit
def copy_blocks(src, dst, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK
    dst.store([i], src.load([i]))


def shape_blocks(named):
    for name in ("src", "dst"):
        named[name].block_shape = [named["BLOCK"]]


def test_hooks_may_shape_descriptors():
    kernel = triton_metal.autotune([Config({"BLOCK": block}, pre_hook=shape_blocks) for block in (32, 128)],
                                   key=["n"], warmup=1, rep=1)(copy_blocks)
    x, out = floats(500), np.zeros(500, np.float32)
    describe = triton_metal.TensorDescriptor
    for _ in range(2):
        out[:] = 0
        kernel[grid](describe(x, [500], [1], [1]), describe(out, [500], [1], [1]), 500)
        assert (out == x).all()


PROGRAM = """
import numpy as np, triton_metal, triton_metal.language as tl
from triton_metal import Config

@triton_metal.autotune([Config({"BLOCK": 64}), Config({"BLOCK": 256})], key=["n"])
@triton_metal.jit
def add_one(x, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(x + i, tl.load(x + i, i < n) + 1, i < n)

x = np.zeros(1000, np.float32)
add_one[lambda meta: (triton_metal.cdiv(1000, meta["BLOCK"]),)](x, 1000)
assert (x == 1).all()
print(add_one.best_config, [row[1] for row in add_one.tuning])
"""


def run_program(tmp_path, **environment):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    folder = os.path.dirname(os.path.dirname(os.path.abspath(triton_metal.__file__)))
    env = dict(os.environ, PYTHONPATH=folder, TRITON_METAL_CACHE_DIR=str(tmp_path / "cache"), **environment)
    done = subprocess.run([sys.executable, str(program)], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_results_are_there_for_the_next_process(tmp_path):
    first = run_program(tmp_path)
    assert run_program(tmp_path) == first  # the very times: nothing was measured anew


def test_tuning_can_be_switched_off(tmp_path):
    assert "[0.0, 0.0]" in run_program(tmp_path, TRITON_METAL_DISABLE_AUTOTUNING="1")
