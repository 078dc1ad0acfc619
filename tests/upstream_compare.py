# SPDX-License-Identifier: MIT
"""Compares our TTIR with that of upstream Triton's own front end.

    python3 tests/upstream_compare.py --dump PATH/TO/dump_ttir FILE.py ...

dump_ttir is tests/dump_ttir.c linked with lib/. Each FILE.py says in comments
what to compile, as the golden files do:

    # kernel: add_kernel
    # signature: *fp32:16, *fp32:16, i32
    # constexpr: BLOCK=64 MODE=fast

Both modules go through upstream's parser and verifier and then through its
canonicalizer, CSE and inliner, and the printed results are compared with
values numbered in order of appearance. Files with `# expect-error` only have
to be refused by both; `# upstream: WORD reason` says that a difference is
wanted: `differs`, `refuses` when only upstream refuses the kernel, `lacks`
when its IR does not have the operations any more.
"""
import argparse
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


def read_case(path):
    d = directives(path)
    named = {}
    for text in d.get("constexpr", []):
        for pair in text.split():
            name, value = pair.split("=", 1)
            named[name] = literal(value)
    entries = [e.strip() for e in d.get("signature", [""])[0].split(",") if e.strip()]
    return d, d["kernel"][0], entries, named


def upstream_module(path, kernel, entries, named, context, backend, options, target):
    spec = importlib.util.spec_from_file_location("case", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    fn = getattr(module, kernel)
    while not isinstance(fn, triton.runtime.jit.JITFunction):
        fn = fn.fn
    signature, constexprs, attrs = {}, {}, {}
    rest = iter(entries)
    for i, name in enumerate(fn.arg_names):
        if name in named:
            signature[name], constexprs[(i,)] = "constexpr", named[name]
            continue
        entry = next(rest, None)
        if entry is None:
            signature[name] = "constexpr"
            constexprs[(i,)] = fn.params[i].default
            continue
        type_name, _, hint = entry.partition(":")
        if hint == "1":
            signature[name], constexprs[(i,)] = "constexpr", 1
        elif re.fullmatch(r"\*?[a-z]\w*", type_name):
            signature[name] = type_name
            if hint:
                attrs[(i,)] = [["tt.divisibility", int(hint)]]
        else:
            signature[name], constexprs[(i,)] = "constexpr", literal(type_name)
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


def compare(path, dump, verbose):
    d, kernel, entries, named = read_case(path)
    target = GPUTarget("cuda", 90, 32)
    backend = make_backend(target)
    options = backend.parse_options({})
    context = ir.context()
    ir.load_dialects(context)
    backend.load_dialects(context)
    theirs = why = None
    try:
        theirs = upstream_module(path, kernel, entries, named, context, backend, options, target)
        theirs.context = context
        if not theirs.verify():
            raise RuntimeError("upstream's module does not verify")
    except Exception as error:  # any of upstream's many error classes
        why, theirs = error, None
    command = [dump, path, kernel, ", ".join(entries)]
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
    with tempfile.NamedTemporaryFile("w", suffix=".ttir", delete=False) as file:
        file.write(ours.stdout)
    try:
        mine = ir.parse_mlir_module(file.name, context)
        mine.context = context
    except Exception as error:
        if wanted == "lacks":
            return "upstream lacks these operations"
        return f"FAILED: upstream's parser refuses our text: {error}\n" + ours.stdout
    finally:
        os.unlink(file.name)
    if not mine.verify():
        return "FAILED: our module does not verify\n" + ours.stdout
    if theirs is None:
        chain, error = [], why
        while error is not None:
            chain.append(str(error).strip().splitlines()[-1] if str(error).strip() else repr(error))
            error = error.__cause__
        note = "upstream refuses, ours verifies"
        return note if wanted == "refuses" else f"FAILED: {note}: " + " / ".join(chain)
    a, b = canonical_text(theirs), canonical_text(mine)
    if a == b:
        return "equal"
    if wanted == "differs":
        return "differs as wanted, both verify"
    diff = "\n".join(difflib.unified_diff(a.splitlines(), b.splitlines(), "upstream", "ours", lineterm="", n=2))
    return "FAILED: differs\n" + (diff if verbose else "\n".join(diff.splitlines()[:40]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dump", required=True)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("files", nargs="+")
    options = parser.parse_args()
    failed = 0
    for path in options.files:
        result = compare(os.path.abspath(path), options.dump, options.verbose)
        failed += result.startswith("FAILED")
        print(f"{os.path.basename(path)}: {result}")
    print(f"{len(options.files) - failed} as expected, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
