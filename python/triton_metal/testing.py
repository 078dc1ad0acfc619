# SPDX-License-Identifier: MIT
"""Measuring and comparing, with upstream's names."""
import math
import statistics
import sys
import time

from . import _runtime

__all__ = ["Benchmark", "Mark", "assert_close", "do_bench", "do_bench_cudagraph", "perf_report"]


def _quantiles(times, wanted):
    ordered = sorted(times)
    found = []
    for q in wanted:
        if not 0 <= q <= 1:
            raise ValueError("quantiles are between 0 and 1")
        at = q * (len(ordered) - 1)
        low, high = ordered[math.floor(at)], ordered[math.ceil(at)]
        found.append(low + (high - low) * (at - math.floor(at)))
    return found[0] if len(found) == 1 else found


def _summary(times, quantiles, return_mode):
    if quantiles is not None:
        return _quantiles(times, quantiles)
    return times if return_mode == "all" else \
        {"min": min, "max": max, "mean": statistics.mean, "median": statistics.median}[return_mode](times)


def _wait():
    """For launches of this package, and for torch's on MPS."""
    _runtime.synchronize()
    torch = sys.modules.get("torch")
    backend = getattr(getattr(torch, "backends", None), "mps", None)
    if backend is not None and backend.is_available():
        torch.mps.synchronize()


def _timed(fn):
    """Milliseconds from the call to the end of what it launched."""
    start = time.perf_counter()
    fn()
    _wait()
    return 1e3 * (time.perf_counter() - start)


def do_bench(fn, warmup=25, rep=100, grad_to_none=None, quantiles=None, return_mode="mean"):
    """Milliseconds that fn() takes with all that it launches: their mean, or
    what return_mode says ("min", "max", "median", "all"), or the quantiles.

    warmup, rep   how many milliseconds to run before and while measuring
    grad_to_none  tensors whose gradients are dropped before each run
    """
    if return_mode not in ("min", "max", "mean", "median", "all"):
        raise ValueError(f"return_mode is 'min', 'max', 'mean', 'median' or 'all', not {return_mode!r}")
    fn()
    _wait()
    estimate = min(_timed(fn) for _ in range(2))
    for _ in range(max(1, int(warmup / max(estimate, 1e-3)))):
        fn()
    _wait()
    times = []
    for _ in range(max(1, int(rep / max(estimate, 1e-3)))):
        for tensor in grad_to_none or ():
            tensor.grad = None
        times.append(_timed(fn))
    return _summary(times, quantiles, return_mode)


def do_bench_cudagraph(fn, rep=20, grad_to_none=None, quantiles=None, return_mode="mean"):
    """As do_bench: there are no CUDA graphs here."""
    return do_bench(fn, rep=rep, grad_to_none=grad_to_none, quantiles=quantiles, return_mode=return_mode)


def _as_numpy(x):
    import numpy

    if hasattr(x, "detach"):
        x = x.detach().cpu()
        return (x.float() if "bfloat16" in str(x.dtype) else x).numpy()
    return numpy.asarray(x)


def assert_close(x, y, atol=None, rtol=None, err_msg=""):
    """Raises AssertionError unless both agree within atol (1e-2) + rtol (0) *
    |y|. Tolerances may be functions of the type; NaNs are equal."""
    import numpy

    a, b = _as_numpy(x), _as_numpy(y)
    atol = 1e-2 if atol is None else atol(a.dtype) if callable(atol) else atol
    rtol = 0.0 if rtol is None else rtol(a.dtype) if callable(rtol) else rtol
    numpy.testing.assert_allclose(a, b, atol=atol, rtol=rtol, equal_nan=True, err_msg=err_msg)


class Benchmark:
    """What perf_report varies: x_names over x_vals along the axis, line_arg
    over line_vals, one line each; args stay fixed."""

    def __init__(self, x_names, x_vals, line_arg, line_vals, line_names, plot_name, args, xlabel="", ylabel="",
                 x_log=False, y_log=False, styles=None):
        self.x_names, self.x_vals, self.line_arg = x_names, x_vals, line_arg
        self.line_vals, self.line_names, self.plot_name, self.args = line_vals, line_names, plot_name, args
        self.xlabel, self.ylabel, self.x_log, self.y_log, self.styles = xlabel, ylabel, x_log, y_log, styles


class Mark:
    """A function with its benchmarks; `run` makes the tables."""

    def __init__(self, fn, benchmarks):
        self.fn, self.benchmarks = fn, benchmarks

    def _row(self, bench, x, kwargs):
        values = x if isinstance(x, (list, tuple)) else [x] * len(bench.x_names)
        if len(values) != len(bench.x_names):
            raise ValueError(f"Expected {len(bench.x_names)} values, got {x}")
        row = list(values)
        for line in bench.line_vals:
            result = self.fn(**dict(zip(bench.x_names, values)), **{bench.line_arg: line}, **bench.args, **kwargs)
            row.append(result[0] if isinstance(result, (list, tuple)) else result)
        return row

    def _table(self, bench, kwargs):
        heads = [*bench.x_names, *(f"{name} ({bench.ylabel})" if bench.ylabel else name for name in bench.line_names)]
        return heads, [self._row(bench, x, kwargs) for x in bench.x_vals]

    @staticmethod
    def _print(bench, heads, rows):
        cells = [["", *map(str, heads)]] + [[str(i), *(f"{v:.6g}" if isinstance(v, float) else str(v) for v in row)]
                                            for i, row in enumerate(rows)]
        widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
        print(f"{bench.plot_name}:")
        for line in cells:
            print("  ".join(cell.rjust(width) for cell, width in zip(line, widths)))

    @staticmethod
    def _save(bench, heads, rows, folder, show):
        import csv
        import os

        if folder:
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, f"{bench.plot_name}.csv"), "w", newline="") as file:
                csv.writer(file).writerows([heads, *rows])
        try:
            import matplotlib.pyplot as plot
        except ImportError:
            return  # the table is all there is
        plot.figure()
        for i, head in enumerate(heads[len(bench.x_names):]):
            style = dict(zip(("color", "ls"), bench.styles[i])) if bench.styles else {}
            plot.plot([row[0] for row in rows], [row[len(bench.x_names) + i] for row in rows], label=head, **style)
        plot.legend()
        plot.xlabel(bench.xlabel or bench.x_names[0])
        plot.ylabel(bench.ylabel)
        plot.xscale("log" if bench.x_log else "linear")
        plot.yscale("log" if bench.y_log else "linear")
        if folder:
            plot.savefig(os.path.join(folder, f"{bench.plot_name}.png"))
        if show:
            plot.show()
        plot.close()

    def run(self, show_plots=False, print_data=False, save_path="", return_df=False, **kwargs):
        """Runs all benchmarks. With return_df gives pandas frames, where pandas
        is there, else lists of dictionaries."""
        single = isinstance(self.benchmarks, Benchmark)
        results = []
        for bench in [self.benchmarks] if single else self.benchmarks:
            heads, rows = self._table(bench, kwargs)
            if print_data:
                self._print(bench, heads, rows)
            if save_path or show_plots:
                self._save(bench, heads, rows, save_path, show_plots)
            results.append(_frame(heads, rows) if return_df else None)
        return (results[0] if single else results) if return_df else None


def _frame(heads, rows):
    try:
        import pandas
    except ImportError:
        return [dict(zip(heads, row)) for row in rows]
    return pandas.DataFrame(rows, columns=heads)


def perf_report(benchmarks):
    """Marks a function of the varied arguments, which gives a time or (mean,
    min, max), with one Benchmark or several; call .run() on what this gives."""
    return lambda fn: Mark(fn, benchmarks)
