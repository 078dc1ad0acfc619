# SPDX-License-Identifier: MIT
"""From a Python function to the texts that the C library compiles.

A kernel means what its names mean in Python: its closure and its module's
globals at the time of the first launch. So the names that a kernel's source
uses are looked up there, and each thing found becomes a text of its own, a
unit:

    kernel ──names──▶ jit functions, constexpr functions, classes  ─▶ a unit each, imported by name
                      numbers, strings, types, tuples of them      ─▶ `NAME = value` in the user's unit
                      modules of Triton, Python, the user          ─▶ `import`; of the user's, a unit with
                                                                      the attributes that are used

This takes kernels inside functions and classes, in notebooks, and with globals
that were computed, as upstream does. A function stands in its unit at the
line that it has in its file, so that errors name the user's file and line;
where that cannot be, the unit's file name says by how much to correct
(original_place).
"""
import ast
import functools
import inspect
import math
import re
import textwrap
import types

from . import _arrays

_MOVED = re.compile(r"^(.*)#down=(\d+),left=(\d+)$", re.DOTALL)
_TRITON = "triton"  # how texts name this package, and so all that pretends to be upstream's
_LANGUAGE = "triton.language"


def original_place(file, line, column):
    """A place in a unit as a place in the user's file."""
    moved = _MOVED.match(file) if file else None
    if not moved:
        return file, line, column
    down, left = int(moved.group(2)), int(moved.group(3))
    return moved.group(1), max(line - down, 1) if line else line, column + left if line else column


def source_of(function):
    """The source lines of a function or class as they lie in the file, and
    the number of the first."""
    try:
        return inspect.getsourcelines(function)
    except (OSError, TypeError) as error:
        raise ValueError("@jit functions should be defined in a Python file: the source of "
                         f"'{getattr(function, '__qualname__', function)}' is not there") from error


def canonical_module(name):
    """The upstream name of one of Triton's modules, whoever stands in for it;
    None for other modules."""
    for prefix in ("triton_metal.compat", "triton_metal", "triton"):
        if name == prefix or name.startswith(prefix + "."):
            return _TRITON + name[len(prefix):]
    return None


def _is_user_module(module):
    """Whether kernels may use jit functions and constants of the module."""
    file = getattr(module, "__file__", None)
    return canonical_module(module.__name__) is None and bool(file) and file.endswith(".py") and \
        "site-packages/torch/" not in file and module.__name__.split(".")[0] not in ("numpy", "torch", "math", "typing")


class _Names(ast.NodeVisitor):
    """The names that a source loads, each with the attribute chains that
    follow it, and the operations that it calls as tl.custom("name", ...)."""

    def __init__(self):
        self.chains, self.customs = {}, []

    def visit_Name(self, node):
        self.chains.setdefault(node.id, [])

    def visit_Attribute(self, node):
        parts, at = [], node
        while isinstance(at, ast.Attribute):
            parts.append(at.attr)
            at = at.value
        if isinstance(at, ast.Name):
            self.chains.setdefault(at.id, []).append(tuple(reversed(parts)))
        self.generic_visit(node)

    def visit_Call(self, node):
        callee, first = node.func, node.args[0] if node.args else None
        name = callee.attr if isinstance(callee, ast.Attribute) else getattr(callee, "id", None)
        if name == "custom" and isinstance(first, ast.Constant) and isinstance(first.value, str):
            self.customs.append(first.value)
        self.generic_visit(node)


def literal(value):
    """Python source for a compile-time value, with `__tl` for Triton's
    language; None when there is none."""
    if hasattr(value, "fn") and isinstance(value.fn, types.FunctionType):
        return None
    kind = type(value).__name__
    if kind == "constexpr" and hasattr(value, "value"):
        inner = literal(value.value)
        return inner and f"__tl.constexpr({inner})"
    if kind == "dtype" and (canonical_module(type(value).__module__) or "").startswith(_LANGUAGE):
        return f"__tl.{value.codegen_name()}" if value.name in value.SINT_TYPES + value.UINT_TYPES + value.FP_TYPES \
            else None
    if _arrays.is_numpy_scalar(value):
        value = value.item()
    if isinstance(value, float):
        return repr(float(value)) if math.isfinite(value) else f'float("{float(value)}")'
    if value is None or isinstance(value, (bool, str)):
        return repr(value)
    if isinstance(value, int):
        return repr(int(value))
    if type(value) in (tuple, list):
        items = [literal(item) for item in value]
        if any(item is None for item in items):
            return None
        text = ", ".join(items)
        return f"[{text}]" if isinstance(value, list) else f"({text},)" if items else "()"
    if type(value) is dict:
        items = [(literal(k), literal(v)) for k, v in value.items()]
        if any(k is None or v is None for k, v in items):
            return None
        return "{" + ", ".join(f"{k}: {v}" for k, v in items) + "}"
    return None


class _Unit:
    """One text: what is imported and set in its first line, and at most one
    function or class at its own place."""

    def __init__(self, name, file="<module>"):
        self.name, self.file = name, file
        self.bound = {}  # name → source line
        self.lines, self.first = [], 1

    def place(self, lines, first, decorators):
        """Takes the lines of a definition; the file's line `first` is theirs.
        Decorators that Python has applied are replaced by `decorators`."""
        text = textwrap.dedent("".join(lines))
        left = _indent(lines) - _indent(text.splitlines(True))
        body = text.splitlines(True)
        at = next(i for i, line in enumerate(body) if re.match(r"(async\s+)?(def|class)\s", line))
        first += at
        lacking = max(2 + len(decorators) - first, 0)  # one line is for what is bound
        self.lines = list(decorators) + [line.rstrip("\n") for line in body[at:]]
        self.first = first + lacking - len(decorators)
        if lacking or left:
            self.file = f"{self.file}#down={lacking},left={left}"

    def text(self):
        head = "; ".join(["import triton", "import triton.language as __tl", *self.bound.values()])
        return head + "\n" * (self.first - 1) + "\n".join(self.lines) + "\n"


def _indent(lines):
    line = next((line for line in lines if line.strip()), "")
    return len(line) - len(line.lstrip())


class Program:
    """All units that a kernel needs. The first is the kernel's own."""

    def __init__(self, kernel, functions=()):
        """functions: jit functions that are passed as arguments; `names` says
        what the kernel's unit calls them."""
        self.units, self.of, self.customs = [], {}, []
        self.used_globals = []  # (namespace, name, value): plain values that must not change
        main = self._function(kernel)
        self.names = {id(f): self._import(main, f, None) for f in functions}

    def texts(self):
        return [(u.name.encode(), u.file.encode(), u.text().encode()) for u in self.units]

    def _unit(self, thing, name, file):
        unit = _Unit(f"{re.sub(r'[^A-Za-z0-9_.]', '_', name)}__{len(self.units)}", file)
        self.units.append(unit)
        self.of[id(thing)] = unit
        return unit

    def _function(self, jit):
        """The unit of a jit or constexpr function."""
        if id(jit) in self.of:
            return self.of[id(jit)]
        fn = jit.fn
        unit = self._unit(jit, f"{fn.__module__}.{fn.__qualname__}", fn.__code__.co_filename)
        lines, first = jit.source_lines()
        unit.place(lines, first, jit.decorator_lines())
        self._bind(unit, _scope(fn))
        return unit

    def _class(self, cls):
        if id(cls) in self.of:
            return self.of[id(cls)]
        lines, first = source_of(cls)
        unit = self._unit(cls, f"{cls.__module__}.{cls.__qualname__}", inspect.getsourcefile(cls) or "<class>")
        decorators = ["@__tl.core._aggregate"] if getattr(cls, "__triton_aggregate__", False) else []
        unit.place(lines, first, decorators)
        module = inspect.getmodule(cls)
        self._bind(unit, functools.partial(_lookup, vars(module) if module else {}, {}))
        return unit

    def _bind(self, unit, scope):
        """Gives the unit what the names in its text stand for."""
        names = _Names()
        names.visit(ast.parse("\n".join(unit.lines)))
        self.customs += [name for name in names.customs if name not in self.customs]
        for name, chains in names.chains.items():
            found = scope(name)
            if found is not None:
                self._bind_value(unit, name, found[0], chains, found[1])

    def _bind_value(self, unit, name, value, chains, namespace):
        if isinstance(value, types.ModuleType):
            return self._bind_module(unit, name, value, chains)
        if isinstance(value, functools.partial):
            return None
        base = _jit_of(value)
        if base is not None:
            return self._import(unit, base, name)
        if isinstance(value, type):
            return self._bind_class(unit, name, value)
        module = canonical_module(getattr(value, "__module__", None) or "")
        spelled = literal(value)
        if spelled is None and module:  # a function or object of Triton's own
            unit.bound[name] = f"from {module} import {getattr(value, '__name__', name)} as {name}"
        elif spelled is None and isinstance(value, types.FunctionType):
            if all(part.isidentifier() for part in [*str(value.__module__).split("."), value.__name__]):
                unit.bound[name] = f"from {value.__module__} import {value.__name__} as {name}"
        elif spelled is not None:
            unit.bound[name] = f"{name} = {spelled}"
            if namespace is not None:
                self.used_globals.append((namespace, name, value))
        return None

    def _bind_class(self, unit, name, value):
        module = value.__module__
        canonical = canonical_module(module)
        if canonical:
            unit.bound[name] = f"from {canonical} import {value.__name__} as {name}"
        elif module == "builtins" or module.split(".")[0] in ("typing", "torch", "numpy", "enum", "collections"):
            if module != "builtins":
                unit.bound[name] = f"from {module} import {value.__name__} as {name}"
        elif issubclass(value, tuple) and "NamedTuple" not in _class_text(value) and hasattr(value, "_fields"):
            fields = ", ".join(repr(field) for field in value._fields)
            unit.bound[name] = f"from collections import namedtuple; {name} = namedtuple({name!r}, [{fields}])"
        elif _class_text(value):
            unit.bound[name] = f"from {self._class(value).name} import {value.__name__} as {name}"

    def _bind_module(self, unit, name, module, chains):
        canonical = canonical_module(module.__name__)
        if canonical or not _is_user_module(module):
            unit.bound[name] = f"import {canonical or module.__name__} as {name}"
            return
        key = ("module", module.__name__, id(unit))
        if key not in self.of:
            made = _Unit(f"{module.__name__}__{len(self.units)}", getattr(module, "__file__", "<module>"))
            self.units.append(made)
            self.of[key] = made
        made = self.of[key]
        unit.bound[name] = f"import {made.name} as {name}"
        for chain in chains:
            value = vars(module).get(chain[0])
            if chain[0] in vars(module):
                rest = [chain[1:]] if len(chain) > 1 else []
                self._bind_value(made, chain[0], value, rest, vars(module))

    def _import(self, unit, jit, name):
        """Lets the unit call the function by that name; None: a new one."""
        other = self._function(jit)
        name = name or f"__argument_{len(unit.bound)}"
        if other is not unit:
            unit.bound[name] = f"from {other.name} import {jit.fn.__name__} as {name}"
        elif name != jit.fn.__name__:
            return jit.fn.__name__
        return name


def _jit_of(value):
    """The jit or constexpr function behind decorators; None for other things."""
    seen = 0
    while not hasattr(value, "decorator_lines") and hasattr(value, "fn") and seen < 8:
        value, seen = value.fn, seen + 1
    return value if hasattr(value, "decorator_lines") and not isinstance(value, type) else None


def _class_text(cls):
    try:
        return "".join(inspect.getsourcelines(cls)[0])
    except (OSError, TypeError):
        return ""


def _lookup(namespace, closure, name):
    if name in closure:
        return closure[name], None
    if name in namespace:
        return namespace[name], namespace
    return None


def _scope(fn):
    closure = {}
    for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or ()):
        try:
            closure[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    return functools.partial(_lookup, fn.__globals__, closure)
