# SPDX-License-Identifier: MIT
"""Compares our trees with those of CPython's ast module, on real files.

    python3.13 compare_ast.py PARSE_FILES DIRECTORY_OR_FILE...
    python3.13 compare_ast.py --write FILE.py...    the golden files FILE.ast

PARSE_FILES is the program of parse_files.c. For every .py file below the
arguments both parsers must agree: on whether it is Python, and on the whole
tree with all positions. Prints the first difference of each file that
differs and a summary; exits 1 if there is one.

What ast.parse accepts and compile refuses (a lone `*x`, for one) may be
rejected by us: a text is what some Python can run.
"""
import ast, os, re, struct, subprocess, sys, unicodedata, warnings

warnings.simplefilter("ignore")
sys.setrecursionlimit(20000)
if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)

BINARY = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/",
          ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**", ast.MatMult: "@",
          ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
          ast.LShift: "<<", ast.RShift: ">>"}
UNARY = {ast.USub: "neg", ast.UAdd: "pos", ast.Invert: "invert",
         ast.Not: "not"}
COMPARE = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=",
           ast.Gt: ">", ast.GtE: ">=", ast.Is: "is", ast.IsNot: "is-not",
           ast.In: "in", ast.NotIn: "not-in"}
PRINTABLE = re.compile(rb'[^\x20-\x7e]|["\\]')


def text(data):
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    return '"%s"' % PRINTABLE.sub(lambda m: b"\\x%02x" % m[0][0],
                                  data).decode()


def bits(x):
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def at(node, kind):
    return "(%s@%d:%d" % (kind, node.lineno, node.col_offset + 1)


def exprs(items):
    return " [" + " ".join(expr(i) for i in items) + "]"


def keywords(items):
    return " [" + " ".join(at(k, k.arg or "**") + " " + expr(k.value) + ")"
                           for k in items) + "]"


def param(a, star, flags, default):
    return "%s star=%d%s %s %s)" % (at(a, a.arg), star, flags,
                                    expr(a.annotation), expr(default))


def params(args):
    out = []
    positional = args.posonlyargs + args.args
    defaults = [None] * (len(positional) - len(args.defaults)) + args.defaults
    for i, (a, d) in enumerate(zip(positional, defaults)):
        pos = " pos" if i < len(args.posonlyargs) else ""
        out.append(param(a, 0, pos, d))
    if args.vararg:
        out.append(param(args.vararg, 1, "", None))
    for a, d in zip(args.kwonlyargs, args.kw_defaults):
        out.append(param(a, 0, " kw", d))
    if args.kwarg:
        out.append(param(args.kwarg, 2, "", None))
    return " [" + " ".join(out) + "]"


def type_params(node):
    out = []
    for p in getattr(node, "type_params", []):
        star = {"TypeVar": 0, "TypeVarTuple": 1, "ParamSpec": 2}[
            type(p).__name__]
        out.append("%s star=%d %s %s)" % (
            at(p, p.name), star, expr(getattr(p, "bound", None)),
            expr(getattr(p, "default_value", None))))
    return " [" + " ".join(out) + "]"


def clauses(generators):
    return " [" + " ".join(
        "(%s %s %s%s)" % ("async" if g.is_async else "for", expr(g.target),
                          expr(g.iter), exprs(g.ifs))
        for g in generators) + "]"


def constant(node):
    v = node.value
    if v is Ellipsis:
        return at(node, "ellipsis") + ")"
    if v is None or v is True or v is False:
        return at(node, str(v)) + ")"
    if isinstance(v, str):
        return at(node, "str") + " " + text(v) + ")"
    if isinstance(v, bytes):
        return at(node, "bytes") + " " + text(v) + ")"
    if isinstance(v, int):
        return at(node, "int") + (" %d)" % v)
    if isinstance(v, float):
        return at(node, "float") + (" %d)" % bits(v))
    return at(node, "complex") + (" %d)" % bits(v.imag))


def pieces(values):
    """Literal pieces merged, empty ones dropped; they have no position, as
    versions of CPython differ on theirs."""
    out, run = [], ""
    for v in values:
        if isinstance(v, ast.Constant):
            run += v.value
            continue
        if run:
            out.append("(str@0:0 %s)" % text(run))
        run = ""
        if isinstance(v, ast.FormattedValue):
            conversion = "" if v.conversion < 0 else " !" + chr(v.conversion)
            spec = pieces(v.format_spec.values) if v.format_spec else ""
            out.append("(field@0:0%s %s%s)" % (conversion, expr(v.value),
                                               spec))
        else:
            out.append(expr(v))
    if run:
        out.append("(str@0:0 %s)" % text(run))
    return " [" + " ".join(out) + "]"


def comp(kind):
    return lambda n: "%s %s %s -%s)" % (at(n, "comp"), kind, expr(n.elt),
                                        clauses(n.generators))


EXPR = {
    ast.Name: lambda n: at(n, "name") + " " + n.id + ")",
    ast.Constant: constant,
    ast.JoinedStr: lambda n: at(n, "fstring") + pieces(n.values) + ")",
    ast.Tuple: lambda n: at(n, "tuple") + exprs(n.elts) + ")",
    ast.List: lambda n: at(n, "list") + exprs(n.elts) + ")",
    ast.Set: lambda n: at(n, "set") + exprs(n.elts) + ")",
    ast.Dict: lambda n: at(n, "dict") + exprs(
        [x for kv in zip(n.keys, n.values) for x in kv]) + ")",
    ast.UnaryOp: lambda n: "%s %s %s)" % (at(n, "unary"),
                                          UNARY[type(n.op)],
                                          expr(n.operand)),
    ast.BinOp: lambda n: "%s %s %s %s)" % (at(n, "binary"),
                                           BINARY[type(n.op)], expr(n.left),
                                           expr(n.right)),
    ast.BoolOp: lambda n: at(n, "and" if isinstance(n.op, ast.And)
                             else "or") + exprs(n.values) + ")",
    ast.Compare: lambda n: "%s %s%s)" % (
        at(n, "compare"), " ".join(COMPARE[type(o)] for o in n.ops),
        exprs([n.left] + n.comparators)),
    ast.IfExp: lambda n: "%s %s %s %s)" % (at(n, "ifexp"), expr(n.body),
                                           expr(n.test), expr(n.orelse)),
    ast.Call: lambda n: "%s %s%s%s)" % (at(n, "call"), expr(n.func),
                                        exprs(n.args), keywords(n.keywords)),
    ast.Attribute: lambda n: "%s %s %s)" % (at(n, "attribute"),
                                            expr(n.value), n.attr),
    ast.Subscript: lambda n: "%s %s %s)" % (at(n, "subscript"),
                                            expr(n.value), expr(n.slice)),
    ast.Slice: lambda n: "%s %s %s %s)" % (at(n, "slice"), expr(n.lower),
                                           expr(n.upper), expr(n.step)),
    ast.Starred: lambda n: "%s %s)" % (at(n, "starred"), expr(n.value)),
    ast.NamedExpr: lambda n: "%s %s %s)" % (at(n, "walrus"), expr(n.target),
                                            expr(n.value)),
    ast.Lambda: lambda n: "%s%s %s)" % (at(n, "lambda"), params(n.args),
                                        expr(n.body)),
    ast.ListComp: comp("listcomp"),
    ast.SetComp: comp("setcomp"),
    ast.GeneratorExp: comp("generator"),
    ast.DictComp: lambda n: "%s dictcomp %s %s%s)" % (
        at(n, "comp"), expr(n.key), expr(n.value), clauses(n.generators)),
    ast.Await: lambda n: "%s %s)" % (at(n, "await"), expr(n.value)),
    ast.Yield: lambda n: "%s %s)" % (at(n, "yield"), expr(n.value)),
    ast.YieldFrom: lambda n: "%s from %s)" % (at(n, "yield"), expr(n.value)),
}


def expr(node):
    return "-" if node is None else EXPR[type(node)](node)


def name_at(node, name):
    return "(name@0:0 %s)" % name


def pattern(p):
    kind = type(p).__name__
    if kind == "MatchValue":
        return expr(p.value)
    if kind == "MatchSingleton":
        return at(p, str(p.value)) + ")"
    if kind == "MatchSequence":
        return at(p, "list") + " [" + " ".join(map(pattern, p.patterns)) + "])"
    if kind == "MatchStar":
        return "%s %s)" % (at(p, "starred"), name_at(p, p.name or "_"))
    if kind == "MatchMapping":
        items = [x for k, v in zip(p.keys, p.patterns)
                 for x in (expr(k), pattern(v))]
        if p.rest:
            items += ["-", name_at(p, p.rest)]
        return at(p, "dict") + " [" + " ".join(items) + "])"
    if kind == "MatchClass":
        # CPython gives keyword patterns no position of their own.
        kw = " ".join("(%s@0:0 %s)" % (k, pattern(v)) for k, v in
                      zip(p.kwd_attrs, p.kwd_patterns))
        return "%s %s [%s] [%s])" % (at(p, "call"), expr(p.cls), " ".join(
            map(pattern, p.patterns)), kw)
    if kind == "MatchAs":
        if p.pattern is None:
            return at(p, "name") + " " + (p.name or "_") + ")"
        return "%s %s %s)" % (at(p, "walrus"), name_at(p, p.name),
                              pattern(p.pattern))
    out = pattern(p.patterns[0])
    for q in p.patterns[1:]:
        out = "%s | %s %s)" % (at(p, "binary"), out, pattern(q))
    return out


def body(items):
    return " {" + "".join(map(stmt, items)) + "}"


def head(s, kind, flags="", e=None, e2=None, annotation=None, targets=" []",
         items=" []", extra="", block=(), blocks=(), orelse=()):
    return "\n%s%s %s %s %s%s%s%s%s%s%s)" % (
        at(s, kind), flags, expr(e), expr(e2), expr(annotation), targets,
        items, extra, body(block), "".join(map(body, blocks)), body(orelse))


def function(s):
    return "\n%s %s%s%s%s %s%s%s)" % (
        at(s, "function"), s.name,
        " async" if isinstance(s, ast.AsyncFunctionDef) else "",
        type_params(s), params(s.args), expr(s.returns),
        exprs(s.decorator_list), body(s.body))


def imports(s):
    return "".join(" (%s@%d:%d %s)" % (a.name, a.lineno, a.col_offset + 1,
                                       a.asname or "-") for a in s.names)


def names(items):
    return " [" + " ".join("(name@0:0 %s)" % n for n in items) + "]"


def try_(s, star):
    targets = " [" + " ".join(name_at(s, h.name) if h.name else "-"
                              for h in s.handlers) + "]"
    return head(s, "try", " star" if star else "", targets=targets,
                items=exprs([h.type for h in s.handlers]), block=s.body,
                blocks=[h.body for h in s.handlers] + [s.orelse,
                                                       s.finalbody])


def stmt(s):
    kind = type(s).__name__
    if kind in ("FunctionDef", "AsyncFunctionDef"):
        return function(s)
    if kind == "Expr":
        return head(s, "expr", e=s.value)
    if kind == "Assign":
        return head(s, "assign", e=s.value, targets=exprs(s.targets))
    if kind == "AugAssign":
        return head(s, "augassign", " %s=" % BINARY[type(s.op)], e=s.value,
                    targets=exprs([s.target]))
    if kind == "AnnAssign":
        return head(s, "annassign", e=s.value, annotation=s.annotation,
                    targets=exprs([s.target]))
    if kind == "Return":
        return head(s, "return", e=s.value)
    if kind == "If":
        return head(s, "if", e=s.test, block=s.body, orelse=s.orelse)
    if kind in ("For", "AsyncFor"):
        return head(s, "for", " async" if kind[0] == "A" else "", e=s.iter,
                    targets=exprs([s.target]), block=s.body, orelse=s.orelse)
    if kind == "While":
        return head(s, "while", e=s.test, block=s.body, orelse=s.orelse)
    if kind in ("Pass", "Break", "Continue"):
        return head(s, kind.lower())
    if kind == "Assert":
        return head(s, "assert", e=s.test, e2=s.msg)
    if kind == "Raise":
        return head(s, "raise", e=s.exc, e2=s.cause)
    if kind == "Import":
        return head(s, "import", extra=imports(s))
    if kind == "ImportFrom":
        flags = (" name=" + s.module if s.module else "") + (
            " dots=%d" % s.level if s.level else "")
        return head(s, "from", flags, extra=imports(s))
    if kind == "ClassDef":
        return head(s, "class", " name=" + s.name, items=exprs(s.bases),
                    extra=exprs(s.decorator_list) + keywords(s.keywords) +
                    type_params(s), block=s.body)
    if kind in ("With", "AsyncWith"):
        return head(s, "with", " async" if kind[0] == "A" else "",
                    targets=exprs([i.optional_vars for i in s.items]),
                    items=exprs([i.context_expr for i in s.items]),
                    block=s.body)
    if kind in ("Try", "TryStar"):
        return try_(s, kind == "TryStar")
    if kind == "Delete":
        return head(s, "delete", targets=exprs(s.targets))
    if kind in ("Global", "Nonlocal"):
        return head(s, kind.lower(), targets=names(s.names))
    if kind == "Match":
        items = " [" + " ".join(x for c in s.cases for x in
                                (pattern(c.pattern), expr(c.guard))) + "]"
        return head(s, "match", e=s.subject, items=items,
                    blocks=[c.body for c in s.cases])
    if kind == "TypeAlias":
        return head(s, "type", " name=" + s.name.id, e=s.value,
                    extra=" [] []" + type_params(s))
    raise AssertionError(kind)


NAMED = re.compile(r' \\N"([^"]*)"')
BIG = re.compile(r" big:(\w+)")
ESCAPED = re.compile(r"\\x([0-9a-f]{2})")


def resolve_named(match):
    """The text of a string with \\N{...}, which we keep as written."""
    raw = ESCAPED.sub(lambda m: chr(int(m[1], 16)), match[1])
    raw = raw.encode("latin-1").decode("utf-8", "surrogatepass")
    raw = re.sub(r"\\N\{([^}]*)\}|\\\\",
                 lambda m: unicodedata.lookup(m[1]) if m[1] else "\\", raw)
    return " " + text(raw)


def normal(ours):
    ours = NAMED.sub(resolve_named, ours)
    return BIG.sub(lambda m: " %d" % int(m[1], 0), ours)


PLACE = re.compile(r"@\d+:\d+")


def same(ours, theirs):
    """Equal, where 0:0 on their side matches any position."""
    if ours == theirs:
        return None
    a, b = PLACE.split(ours), PLACE.split(theirs)
    for i, (x, y) in enumerate(zip(a, b)):
        if unicodedata.normalize("NFKC", x) != y:
            n = next((k for k, (p, q) in enumerate(zip(x, y)) if p != q),
                     min(len(x), len(y)))
            return "ours   ...%s\n  theirs ...%s" % (
                "".join(a[max(0, i - 3):i]) + x[:n + 90],
                "".join(b[max(0, i - 3):i]) + y[:n + 90])
    if len(a) != len(b):
        return "one is longer"
    for p, q, context in zip(PLACE.findall(ours), PLACE.findall(theirs),
                             a[1:]):
        if p != q and q != "@0:0":
            return "position %s, theirs %s, before %r" % (p, q,
                                                          context[:60])
    return None


def theirs_of(path):
    with open(path, "rb") as f:
        data = f.read()
    try:
        return body(ast.parse(data).body), None
    except (SyntaxError, ValueError, RecursionError, MemoryError) as e:
        return None, e


def compiles(path):
    with open(path, "rb") as f:
        try:
            compile(f.read(), path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError):
            return False
    return True


def files_of(args):
    for arg in args:
        if os.path.isfile(arg):
            yield arg
        for root, _, entries in os.walk(arg):
            for entry in sorted(entries):
                if entry.endswith(".py"):
                    yield os.path.join(root, entry)


def write(paths):
    for path in paths:
        theirs, error = theirs_of(path)
        if error:
            raise error
        with open(path[:-3] + ".ast", "w") as f:
            f.write(theirs + "\n")


def main():
    if sys.argv[1] == "--write":
        write(sys.argv[2:])
        return
    program, files = sys.argv[1], list(files_of(sys.argv[2:]))
    agree = differ = rejected = only_we = only_they = size = 0
    for start in range(0, len(files), 40):
        chunk = files[start:start + 40]
        out = subprocess.run([program, "dump"] + chunk,
                             stdout=subprocess.PIPE).stdout
        records = out.decode("utf-8", "surrogateescape").split("\0")[:-1]
        assert len(records) == len(chunk), (len(records), len(chunk))
        for path, record in zip(chunk, records):
            ours = record.split("\n", 1)[1]
            failed = ours.startswith("ERROR ")
            theirs, error = theirs_of(path)
            size += os.path.getsize(path)
            if failed and error is not None:
                rejected += 1
            elif failed and not compiles(path):
                rejected += 1
            elif failed:
                only_we += 1
                print("WE REJECT %s\n  %s" % (path, ours[:400]))
            elif error is not None:
                only_they += 1
                print("THEY REJECT %s\n  %r" % (path, error))
            else:
                why = same(normal(ours), theirs)
                agree += why is None
                differ += why is not None
                if why:
                    print("DIFFERS %s\n  %s" % (path, why))
    print("%d files, %.1f MB: %d equal, %d differ, %d rejected by both, "
          "%d only by us, %d only by CPython %d.%d" % (
              len(files), size / 1e6, agree, differ, rejected, only_we,
              only_they, *sys.version_info[:2]))
    sys.exit(bool(differ or only_we))


main()
