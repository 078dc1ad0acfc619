# SPDX-License-Identifier: MIT
"""Writes tests/golden/promotion/*.tsv: the type of every operation's result
in upstream Triton, for every pair of types and for compile-time numbers.

    build/upstream-venv/bin/python3 tests/promotion_table.py

Upstream's own semantic.py decides, with no GPU: each operation is applied to
function arguments of the two types. "-" stands for an operation that upstream
refuses. tests/test_promotion.c compares our front end with the tables; they
are made again only when the upstream version that we follow changes.
"""
import contextlib
import io
import os

import triton
import triton.language as tl
from triton._C.libtriton import ir
from triton.backends.compiler import GPUTarget
from triton.compiler import make_backend
from triton.language.semantic import TritonSemantic

DTYPES = [tl.int1, tl.int8, tl.int16, tl.int32, tl.int64, tl.uint8, tl.uint16, tl.uint32,
          tl.uint64, tl.float8e4nv, tl.float8e5, tl.float16, tl.bfloat16, tl.float32, tl.float64]
SPELLED = {str(d): n for n, d in vars(tl).items() if isinstance(d, tl.dtype)}
# Numbers as Python writes them: one of each kind, the edges of the integer
# types, and floats that float32 cannot hold.
NUMBERS = ["True", "1", "-1", "127", "128", "-129", "40000", "2**31", "2**32", "-2**31-1",
           "2**63", "0.5", "float('inf')", "1e300"]

BINARY = {
    "+": ("__add__", "__radd__"), "-": ("__sub__", "__rsub__"), "*": ("__mul__", "__rmul__"),
    "/": ("__truediv__", "__rtruediv__"), "//": ("__floordiv__", "__rfloordiv__"),
    "%": ("__mod__", "__rmod__"), "<<": ("__lshift__", "__rlshift__"),
    ">>": ("__rshift__", "__rrshift__"), "&": ("__and__", "__rand__"),
    "|": ("__or__", "__ror__"), "^": ("__xor__", "__rxor__"), "==": ("__eq__", "__eq__"),
    "!=": ("__ne__", "__ne__"), "<": ("__lt__", "__gt__"), "<=": ("__le__", "__ge__"),
    ">": ("__gt__", "__lt__"), ">=": ("__ge__", "__le__"),
}


def only(floats, x):
    """semantic.py also makes math.fma of integers and tt.mulhiui of floats, which MLIR's verifier then refuses."""
    if x.dtype.is_floating() != floats:
        raise TypeError("not of that kind")
    return x


CALLS = {
    "maximum": lambda s, a, b: tl.maximum(a, b, _semantic=s),
    "minimum": lambda s, a, b: tl.minimum(a, b, _semantic=s),
    "where": lambda s, a, b: tl.where(s.condition, a, b, _semantic=s),
    "clamp": lambda s, a, b: tl.clamp(a, b, b, _semantic=s),
    "fma": lambda s, a, b: only(True, tl.fma(a, b, b, _semantic=s)),
    "fdiv": lambda s, a, b: tl.fdiv(a, b, _semantic=s),
    "div_rn": lambda s, a, b: tl.div_rn(a, b, _semantic=s),
    "umulhi": lambda s, a, b: only(False, tl.umulhi(a, b, _semantic=s)),
}
UNARY = {
    "-x": lambda s, x: x.__neg__(_semantic=s),
    "+x": lambda s, x: x.__pos__(_semantic=s) if hasattr(x, "__pos__") else s.plus(x),
    "~x": lambda s, x: x.__invert__(_semantic=s),
    "tl.abs(x)": lambda s, x: tl.abs(x, _semantic=s),
}
UNARY.update({f"tl.{n}(x)": (lambda f: lambda s, x: f(x, _semantic=s))(getattr(tl, n))
              for n in ("exp", "exp2", "log", "log2", "cos", "sin", "sqrt", "sqrt_rn", "rsqrt", "erf",
                        "floor", "ceil")})
# Functions that upstream writes in Triton: found by compiling a kernel.
LIBRARY = ["tl.zeros_like(x)", "tl.sigmoid(x)", "tl.softmax(x)", "tl.sum(x)", "tl.sum(x, 0)", "tl.sum(x, dtype=tl.float32)",
           "tl.sum(x, dtype=tl.int64)", "tl.max(x, 0)", "tl.min(x, 0)", "tl.max(x, 0, return_indices=True)[0]",
           "tl.max(x, 0, return_indices=True)[1]", "tl.min(x, 0, return_indices=True)[0]",
           "tl.argmax(x, 0)", "tl.argmin(x, 0)", "tl.xor_sum(x, 0)", "tl.reduce_or(x, 0)",
           "tl.cumsum(x, 0)", "tl.cumsum(x, 0, dtype=tl.float32)", "tl.cumprod(x, 0)", "tl.sort(x)",
           "tl.flip(x)", "tl.topk(x, 4)", "tl.histogram(x, 16)", "tl.cdiv(x, 2)", "tl.cdiv(x, x)",
           "tl.interleave(x, x)", "tl.cat(x, x, can_reorder=True)", "tl.rand(0, x)", "tl.randint(0, x)",
           "tl.uint_to_uniform_float(x)"]


def name(value):
    value = getattr(value, "type", value)
    return str(value.scalar)


class Fixture:
    """A builder at the start of a function with an argument of each type."""

    def __init__(self):
        target = GPUTarget("cuda", 90, 32)
        self.target, self.backend = target, make_backend(target)
        self.options = self.backend.parse_options({"sanitize_overflow": False})
        self.context = ir.context()
        ir.load_dialects(self.context)
        self.backend.load_dialects(self.context)
        builder = ir.builder(self.context)
        builder.options = self.options
        builder.codegen_fns = self.backend.get_codegen_implementation(self.options)
        module = builder.create_module()
        blocks = [tl.block_type(d, [16]) for d in DTYPES]
        scalars = list(DTYPES)
        types = [t.to_ir(builder) for t in blocks + scalars]
        function = builder.get_or_insert_function(module, "k", builder.get_function_ty(types, []), "public", False)
        builder.set_insertion_point_to_start(function.add_entry_block())
        self.keep = module
        self.blocks = {d: tl.tensor(function.args(i), b) for i, (d, b) in enumerate(zip(DTYPES, blocks))}
        n = len(DTYPES)
        self.scalars = {d: tl.tensor(function.args(n + i), d) for i, d in enumerate(DTYPES)}
        self.semantic = TritonSemantic(builder)
        self.semantic.condition = self.blocks[tl.int1]

    def attempt(self, make):
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                return name(make())
        except Exception:  # any of upstream's many error classes
            return "-"

    def binary(self, op, a, b):
        s = self.semantic
        if op in CALLS:
            return self.attempt(lambda: CALLS[op](s, a, b))
        forward, reflected = BINARY[op]
        if isinstance(a, tl.tensor):
            return self.attempt(lambda: getattr(a, forward)(b, _semantic=s))
        return self.attempt(lambda: getattr(b, reflected)(a, _semantic=s))


def write(path, header, rows):
    with open(path, "w", encoding="utf-8") as out:
        out.write(f"# made by promotion_table.py from Triton {triton.__version__}\n")
        for row in [header] + rows:
            out.write("\t".join(row) + "\n")


def library_row(fixture, dtype):
    """Compiles one kernel a function; its static_print says the type."""
    import importlib.util
    import tempfile
    from triton.compiler import ASTSource
    row = []
    for call in LIBRARY:
        text = ("import triton\nimport triton.language as tl\n\n\n@triton.jit\ndef k(p):\n"
                f"    x = tl.load(p + tl.arange(0, 16))\n    x = tl.full((16,), 0, tl.{SPELLED[str(dtype)]})\n"
                f"    r = {call}\n    tl.static_print('type', r.dtype)\n")
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "case.py")
            with open(path, "w", encoding="utf-8") as out:
                out.write(text)
            spec = importlib.util.spec_from_file_location("case", path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            said = io.StringIO()
            try:
                with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
                    src = ASTSource(fn=module.k, signature={"p": "*fp32"})
                    made = src.make_ir(fixture.target, fixture.options,
                                       fixture.backend.get_codegen_implementation(fixture.options),
                                       fixture.backend.get_module_map(), fixture.context)
                    if not made.verify():
                        raise RuntimeError("the module does not verify")
                found = [l.split()[-1] for l in said.getvalue().splitlines() if l.startswith("type")]
                row.append(found[-1])
            except Exception:
                row.append("-")
    return row


def main():
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden", "promotion")
    f = Fixture()
    ops = list(BINARY) + list(CALLS)
    rows = []
    for a in DTYPES:
        for b in DTYPES:
            rows.append([str(a), str(b)] + [f.binary(op, f.blocks[a], f.blocks[b]) for op in ops])
    for a in DTYPES:
        for number in NUMBERS:
            value = eval(number)
            rows.append([str(a), number] + [f.binary(op, f.blocks[a], value) for op in ops])
            rows.append([number, str(a)] + [f.binary(op, value, f.blocks[a]) for op in ops])
    write(os.path.join(folder, "binary.tsv"), ["left", "right"] + ops, rows)
    s = f.semantic
    rows = [[str(a)] + [f.attempt(lambda u=u: u(s, f.blocks[a])) for u in UNARY.values()] + library_row(f, a)
            for a in DTYPES]
    write(os.path.join(folder, "unary.tsv"), ["x"] + list(UNARY) + LIBRARY, rows)
    rows = []
    for a in DTYPES:
        for b in DTYPES:
            x = f.blocks[a]
            rows.append([str(a), str(b)] + [
                f.attempt(lambda: x.to(b, _semantic=s)),
                f.attempt(lambda: x.to(b, bitcast=True, _semantic=s)),
                f.attempt(lambda: x.to(b, fp_downcast_rounding="rtz", _semantic=s))])
    write(os.path.join(folder, "cast.tsv"), ["from", "to", "x.to(T)", "x.to(T, bitcast=True)",
                                             "x.to(T, fp_downcast_rounding='rtz')"], rows)


if __name__ == "__main__":
    main()
