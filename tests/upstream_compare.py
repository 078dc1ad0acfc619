# SPDX-License-Identifier: MIT
"""Compares our TTIR with that of upstream Triton's own front end.

    python3 tests/upstream_compare.py --tools build/tests [--evaluate] FILE.py ...

The tools are dump_ttir and eval_ttir, made from tests/*.c. Each FILE.py says
in comments what to compile, as the golden files do:

    # kernel: add_kernel
    # signature: *fp32:16, *fp32:16, i32
    # constexpr: BLOCK=64 MODE=fast

Both modules go through upstream's parser and verifier. Then either they go
through its canonicalizer, CSE and inliner, and the printed results are
compared with values numbered in order of appearance; or, with --evaluate,
eval_ttir reads both with our reader and runs both on the same random arrays,
with the file's `# grid:` and `# scalars:`: all arrays must be equal bit for
bit.

Files with `# expect-error` only have to be refused by both; `# upstream: WORD
reason` says that a difference is wanted: `differs`, `refuses` when only
upstream refuses the kernel, `aborts` when it ends the process, `lacks` when its IR does not have the operations
any more. docs/ir.md lists the differences.
"""
import argparse
import collections
import difflib
import importlib.util
import os
import re
import subprocess
import sys
import tempfile

import triton
from triton._C.libtriton import ir, passes
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, make_backend


def directives(path):
    found = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            match = re.match(r"# ([a-z-]+): ?(.*)", line)
            if match:
                found.setdefault(match.group(1), []).append(match.group(2).strip())
    return found


def literal(text):
    word = text.strip()
    if word.lower() in ("true", "false"):
        return word.lower() == "true"
    if word.lower() == "none":
        return None
    for kind in (int, float):
        try:
            return kind(word)
        except ValueError:
            pass
    if word[:1] in "'\"" and word[-1:] == word[:1]:
        return word[1:-1]
    dtype = getattr(triton.language, word.removeprefix("tl."), None)
    if isinstance(dtype, triton.language.dtype):
        return dtype
    return word


def split(text):
    """The entries of a signature: commas outside quotes and brackets."""
    entries, depth, quote, entry = [], 0, "", ""
    for c in text:
        if quote or c in "'\"":
            quote = "" if c == quote else quote or c
        elif c in "([" or (c == "<" and entry.endswith("tensordesc")):
            depth += 1
        elif depth and c in ")]>":
            depth -= 1
        if c == "," and not depth and not quote:
            entries.append(entry)
            entry = ""
        else:
            entry += c
    return [e.strip() for e in entries + [entry] if e.strip()]


def read_entry(entry, path, case):
    """What upstream's signature has for an entry; constants and promises by
    path go to case."""
    if entry.startswith("("):
        names, types = [], []
        for i, item in enumerate(split(entry[1:-1])):
            named = re.match(r"([A-Za-z_]\w*) *=(.*)", item)
            if named:
                names.append(named.group(1))
            types.append(read_entry((named.group(2) if named else item).strip(), path + (i,), case))
        return collections.namedtuple("Named", names)(*types) if names else tuple(types)
    if entry.startswith("tensordesc"):
        if ":nan" in entry:
            case["nan"].append(case["descriptors"])
        case["descriptors"] += 1
        return entry.partition(":")[0]
    type_name, _, hint = entry.partition(":")
    if hint == "1":
        case["constexprs"][path] = 1
        return "constexpr"
    if re.fullmatch(r"\*?[a-z]\w*", type_name) and type_name.lower() not in ("true", "false", "none"):
        if hint:
            case["attrs"][path] = [["tt.divisibility", int(hint)]]
        return type_name
    if entry.startswith("@"):
        case["constexprs"][path] = getattr(case.get("module"), entry[1:], None)
        return "constexpr"
    case["constexprs"][path] = literal(type_name)
    return "constexpr"


def new_case():
    return {"constexprs": {}, "attrs": {}, "nan": [], "descriptors": 0}


def padded(d):
    """Which descriptors of the signature, by number, pad with NaN: upstream
    says so at the launch."""
    case = new_case()
    for entry in split(d.get("signature", [""])[0]):
        read_entry(entry, (0,), case)
    return case["nan"]


def read_case(path):
    d = directives(path)
    named = {}
    for text in d.get("constexpr", []):
        for pair in text.split():
            name, value = pair.split("=", 1)
            named[name] = literal(value)
    entries = split(d.get("signature", [""])[0])
    return d, d["kernel"][0], entries, named


def upstream_module(path, kernel, entries, named, context, backend, options, target):
    spec = importlib.util.spec_from_file_location("case", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    fn = getattr(module, kernel)
    while not isinstance(fn, triton.runtime.jit.JITFunction):
        fn = fn.fn
    signature, case = {}, new_case()
    case["module"] = module
    rest = iter(entries)
    for i, name in enumerate(fn.arg_names):
        entry = None if name in named else next(rest, None)
        if entry is None:
            signature[name] = "constexpr"
            case["constexprs"][(i,)] = named[name] if name in named else fn.params[i].default
        else:
            signature[name] = read_entry(entry, (i,), case)
    constexprs, attrs = case["constexprs"], case["attrs"]
    if fn.debug:
        options = backend.parse_options({"debug": True})
    src = ASTSource(fn=fn, signature=signature, constexprs=constexprs, attrs=attrs)
    return src.make_ir(target, options, backend.get_codegen_implementation(options),
                       backend.get_module_map(), context)


def canonical_text(module):
    pm = ir.pass_manager(module.context)
    passes.common.add_inliner(pm)
    passes.common.add_canonicalizer(pm)
    passes.common.add_cse(pm)
    passes.common.add_canonicalizer(pm)
    passes.common.add_symbol_dce(pm)
    passes.common.add_cse(pm)
    pm.run(module, "compare")
    # Constants have no order: put each where it is used.
    constants, lines = {}, []
    for line in module.str_nodebug().splitlines():
        match = re.match(r"\s*(%[\w$.-]+) = arith.constant (.*)", line)
        if match:
            constants[match.group(1)] = "{" + match.group(2) + "}"
        else:
            lines.append(line)
    text = re.sub(r"%[\w$.-]+", lambda m: constants.get(m.group(0), m.group(0)), "\n".join(lines))
    names = {}
    text = re.sub(r"%[A-Za-z0-9_$.-]+(#\d+)?",
                  lambda m: names.setdefault(m.group(0), f"%v{len(names)}"), text)
    # Precision of products is a property of the target.
    text = re.sub(r", inputPrecision = \w+", "", text)
    return re.sub(r"(, )?maxNumImpreciseAcc = \d+ : i32", "", text)


class Upstream:
    """Upstream's front end for one target, with a context of its own."""

    def __init__(self):
        self.target = GPUTarget("cuda", 90, 32)
        self.backend = make_backend(self.target)
        self.options = self.backend.parse_options({})
        self.context = ir.context()
        ir.load_dialects(self.context)
        self.backend.load_dialects(self.context)

    def lower(self, path, kernel, entries, named):
        """The verified module, and None; or None and what refused it."""
        try:
            module = upstream_module(path, kernel, entries, named, self.context,
                                     self.backend, self.options, self.target)
            module.context = self.context
            if module.verify():
                return module, None
            return None, RuntimeError("upstream's module does not verify")
        except Exception as error:  # any of upstream's many error classes
            return None, error

    def parse(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".ttir") as file:
            file.write(text)
            file.flush()
            module = ir.parse_mlir_module(file.name, self.context)
        module.context = self.context
        return module


def evaluate(theirs, ours, tools, d):
    """Runs both texts with our evaluator on the same random arrays."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (("upstream", theirs), ("ours", ours)):
            with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
                file.write(text)
        command = [f"{tools}/eval_ttir", "upstream", "ours",
                   "--grid", ",".join(d.get("grid", ["1"])[0].split())]
        for descriptor in padded(d):
            command += ["--nan", str(descriptor)]
        command += d.get("scalars", [""])[0].split()
        command[0] = os.path.abspath(command[0])
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    said = done.stdout.strip() or done.stderr.strip()
    return said if done.returncode == 0 else "FAILED: " + said


def compare(path, options):
    d, kernel, entries, named = read_case(path)
    if d.get("upstream", [""])[0].split(" ")[0] == "aborts":
        return "not asked: upstream's process would end"
    upstream = Upstream()
    theirs, why = upstream.lower(path, kernel, entries, named)
    command = [f"{options.tools}/dump_ttir", path, kernel, ", ".join(entries)]
    command += [f"{n}={'tl.' + v.codegen_name() if isinstance(v, triton.language.dtype) else v}"
                for n, v in named.items()]
    ours = subprocess.run(command, capture_output=True, text=True)
    wanted = d.get("upstream", [""])[0].split(" ")[0]
    if ours.returncode:
        if theirs is None and "expect-error" in d:
            return "both refuse"
        if "expect-error" in d:
            return "we refuse" if wanted == "differs" else "FAILED: only we refuse"
        return "FAILED: we refuse\n" + ours.stderr
    own = sorted(set(re.findall(r"= (ttm\.\w+)", ours.stdout)))
    if own:  # operations of extensions, which upstream's parser does not know
        if theirs is not None:
            return f"FAILED: upstream takes it, we make {', '.join(own)}"
        return f"not asked: {', '.join(own)} is ours"
    try:
        mine = upstream.parse(ours.stdout)
    except Exception as error:
        if wanted == "lacks":
            return "upstream lacks these operations"
        return f"FAILED: upstream's parser refuses our text: {error}\n" + ours.stdout
    if not mine.verify():
        return "FAILED: our module does not verify\n" + ours.stdout
    if theirs is None:
        chain, error = [], why
        while error is not None:
            chain.append(str(error).strip().splitlines()[-1] if str(error).strip() else repr(error))
            error = error.__cause__
        note = "upstream refuses, ours verifies"
        return note if wanted == "refuses" else f"FAILED: {note}: " + " / ".join(chain)
    if options.evaluate:
        result = evaluate(theirs.str_nodebug(), ours.stdout, options.tools, d)
        if wanted == "differs":
            return "differs as wanted" if "argument" in result else "FAILED: no difference: " + result
        return result
    a, b = canonical_text(theirs), canonical_text(mine)
    if a == b:
        return "equal"
    if wanted == "differs":
        return "differs as wanted, both verify"
    diff = "\n".join(difflib.unified_diff(a.splitlines(), b.splitlines(), "upstream", "ours", lineterm="", n=2))
    return "FAILED: differs\n" + (diff if options.verbose else "\n".join(diff.splitlines()[:40]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tools", required=True)
    parser.add_argument("--evaluate", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("files", nargs="+")
    options = parser.parse_args()
    failed = 0
    for path in options.files:
        result = compare(os.path.abspath(path), options)
        failed += result.startswith("FAILED")
        print(f"{os.path.basename(path)}: {result}", flush=True)
    print(f"{len(options.files) - failed} as expected, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
