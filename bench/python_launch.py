# SPDX-License-Identifier: MIT
"""What a launch costs the host through Python: 3 arrays, an integer and a
compile-time value, the kernel compiled already, nothing waited for.

Beside it, where `tinygrad` is installed, its replay of a captured launch; where
`triton` is, upstream's own path on this machine up to the driver, whose launch is replaced by one that does nothing, since there is
no GPU of its kind. So upstream's figure leaves out its call of the driver,
ours has all of ours in it, down to the encoded dispatch.

    python3 bench/python_launch.py              # all that can be measured here
"""
import os
import subprocess
import sys
import timeit

HERE = os.path.dirname(os.path.abspath(__file__))
BURST, BURSTS = 32, 400

KERNEL = """
@{0}.jit
def add(x, y, out, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    m = i < n
    tl.store(out + i, tl.load(x + i, m) + tl.load(y + i, m), m)
"""


def measure(launch, wait=lambda: None):
    """The median and the least of microseconds a launch, over bursts."""
    times = []
    for _ in range(BURSTS):
        times.append(timeit.timeit(launch, number=BURST) / BURST * 1e6)
        wait()
    return sorted(times)[BURSTS // 2], min(times)


def row(name, figures):
    print(f"{name:58} {figures[0]:7.2f} us  (least {figures[1]:.2f})", flush=True)


def ours():
    sys.path.insert(0, os.path.join(HERE, "..", "python"))
    import numpy
    import triton_metal
    from python_launch_kernel import add

    n = 1024
    x, y, out = (triton_metal.zeros(n) for _ in range(3))
    a, b, c = (numpy.zeros(n, numpy.float32) for _ in range(3))
    wait = triton_metal.synchronize
    add[(1,)](x, y, out, n, BLOCK=1024)
    add[(1,)](a, b, c, n, BLOCK=1024)
    row("launch, shared arrays", measure(lambda: add[(1,)](x, y, out, n, BLOCK=1024), wait))
    grid = lambda meta: (triton_metal.cdiv(n, meta["BLOCK"]),)  # noqa: E731
    row("launch, shared arrays, grid by function", measure(lambda: add[grid](x, y, out, n, BLOCK=1024), wait))
    with triton_metal.stream() as stream:
        row("launch, numpy arrays, within a stream", measure(lambda: add[(1,)](a, b, c, n, BLOCK=1024),
                                                            stream.synchronize))
    row("launch and wait, numpy arrays", measure(lambda: add[(1,)](a, b, c, n, BLOCK=1024)))

    def new_arrays():
        add[(1,)](numpy.zeros(n, numpy.float32), b, c, n, BLOCK=1024)

    row("launch and wait, one numpy array new each time", measure(new_arrays))
    try:
        import torch
    except ImportError:
        return
    t, u, v = (torch.zeros(n) for _ in range(3))
    add[(1,)](t, u, v, n, BLOCK=1024)
    with triton_metal.stream() as stream:
        row("launch, torch tensors on the CPU, within a stream", measure(lambda: add[(1,)](t, u, v, n, BLOCK=1024),
                                                                        stream.synchronize))


class FakeDriver:
    """Upstream's driver without a GPU: compiles for one, launches nothing."""

    class utils:
        get_device_properties = staticmethod(lambda device: {"max_shared_mem": 232448, "multiprocessor_count": 1,
                                                             "warpSize": 32})
        load_binary = staticmethod(lambda name, kernel, shared, device: (1, 2, 32, 0, 1024))
        unload_module = staticmethod(lambda module: None)

    class launcher_cls:
        def __init__(self, src, metadata):
            pass

        def __call__(self, *args):
            pass

    get_current_device = staticmethod(lambda: 0)
    get_current_stream = staticmethod(lambda device: 0)

    @staticmethod
    def get_current_target():
        from triton.backends.compiler import GPUTarget

        return GPUTarget("cuda", 90, 32)


class FakeTensor:
    dtype = "torch.float32"

    def data_ptr(self):
        return 4096


def upstream():
    from triton.runtime.driver import driver

    driver.set_active(FakeDriver())
    from python_launch_kernel import add

    try:
        import torch

        x, y, out = (torch.zeros(1024) for _ in range(3))
        kind = "torch tensors"
    except ImportError:
        x, y, out, kind = FakeTensor(), FakeTensor(), FakeTensor(), "stand-ins for tensors"
    add[(1,)](x, y, out, 1024, BLOCK=1024)
    row(f"upstream, {kind}, up to the driver", measure(lambda: add[(1,)](x, y, out, 1024, BLOCK=1024)))


def tinygrad():
    """The other way to kernels on Metal from Python: a captured launch of tinygrad's, on this machine's CPU."""
    os.environ.setdefault("DEV", "CPU")
    os.environ.setdefault("CPU", "1")
    from tinygrad import Tensor, TinyJit

    captured = TinyJit(lambda x, y: (x + y).realize())
    x, y = (Tensor.ones(1024).contiguous().realize() for _ in range(2))
    for _ in range(4):  # twice to capture, then it replays
        captured(x, y)
    row("tinygrad, a captured sum replayed, its CPU device", measure(lambda: captured(x, y)))


def main():
    if len(sys.argv) > 1:
        if sys.argv[1] == "tinygrad":
            return tinygrad()
        # The kernel's module, once over this package and once over upstream.

        name = "triton_metal" if sys.argv[1] == "ours" else "triton"
        if name == "triton_metal":
            sys.path.insert(0, os.path.join(HERE, "..", "python"))
        folder = sys.argv[2]
        path = os.path.join(folder, "python_launch_kernel.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"import {name}\nimport {name}.language as tl\n" + KERNEL.format(name))
        sys.path.insert(0, folder)
        return {"ours": ours, "upstream": upstream}[sys.argv[1]]()
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for which in ("ours", "upstream", "tinygrad"):
            python = sys.executable if which == "ours" else os.environ.get("UPSTREAM_PYTHON", sys.executable)
            done = subprocess.run([python, "-W", "ignore", os.path.abspath(__file__), which, folder],
                                  stderr=subprocess.PIPE, text=True)
            if done.returncode:
                last = done.stderr.strip().splitlines()[-1:] or ["it failed"]
                print(f"{which}: not measured: {last[0]}")
    return None


if __name__ == "__main__":
    main()
