# SPDX-License-Identifier: MIT
"""The package's exceptions. All are Error, which upstream calls TritonError.

What the compiler refuses is a CompilationError: its text names the file, line
and column of the user's source, shows the line with a caret, and says why and
what to do instead.
"""
import linecache

_SEVERITIES = ("note", "warning", "error")


class Error(Exception):
    """What the library refused or failed at. `status` is the C library's
    status name, `diagnostics` what was found where."""

    status = "TM_E_INTERNAL"
    diagnostics = ()


TritonError = Error


class Diagnostic:
    """One finding: severity, file, line and column (from 1; None: no place),
    message, hint (None: none) and status."""

    __slots__ = ("severity", "status", "file", "line", "column", "message", "hint")

    def __init__(self, severity, status, file, line, column, message, hint=None):
        self.severity, self.status, self.file, self.line, self.column = severity, status, file, line, column
        self.message, self.hint = message, hint

    def __str__(self):
        """As Python shows a SyntaxError: place, source line, caret, reason."""
        text = f"{_SEVERITIES[self.severity]}: {self.message}"
        if self.file and self.line:
            text = f'  File "{self.file}", line {self.line}, column {self.column}\n{self._excerpt()}{text}'
        return f"{text}\n  hint: {self.hint}" if self.hint else text

    def _excerpt(self):
        line = linecache.getline(self.file, self.line).rstrip("\n")
        if not line.strip():
            return ""
        # Columns count bytes; what stands before the caret is kept as it is, so that tabs line up.
        before = line.encode()[:max(self.column - 1, 0)].decode("utf-8", "ignore")
        blank = "".join(c if c == "\t" else " " for c in before)
        return f"    {line}\n    {blank}^\n"


class CompilationError(Error):
    """The kernel's source is not what the compiler takes. `lineno` and
    `col_offset` are those of the first finding, in `filename`."""

    def __init__(self, src=None, node=None, error_message=None):
        super().__init__(error_message if error_message is not None else src)
        self.src, self.node, self.error_message = src, node, error_message

    filename = property(lambda self: self.diagnostics[0].file if self.diagnostics else None)
    lineno = property(lambda self: self.diagnostics[0].line if self.diagnostics else None)
    col_offset = property(lambda self: self.diagnostics[0].column - 1 if self.diagnostics else None)


class CompileTimeAssertionFailure(CompilationError):
    """A tl.static_assert does not hold."""


class UnsupportedLanguageConstruct(CompilationError):
    """The kernel uses what cannot be done on this GPU."""


class OutOfResources(Error):
    """A limit of the GPU or of the compiler is exceeded. `required`, `limit`
    and `name` are None when the library's text alone says it."""

    def __init__(self, required=None, limit=None, name=None):
        self.required, self.limit, self.name = required, limit, name
        super().__init__(required if name is None else
                         f"out of resource: {name}, required: {required}, limit: {limit}. Smaller blocks or fewer "
                         "num_stages may help.")


class ArgumentError(Error, ValueError):
    """An argument of a launch or of a call is not valid."""


class OutOfMemoryError(Error, MemoryError):
    """There is not enough memory."""


class DeviceNotFoundError(Error):
    """There is no Metal device, or a library that is needed is missing."""


class DeviceError(Error):
    """The GPU reported an error, or a tl.device_assert did not hold."""


class WaitTimeoutError(Error, TimeoutError):
    """The work was not done in time."""


class InterpreterError(Error):
    """Upstream's name; there is no interpreter here, so it is never raised."""


class AutotunerError(Error):
    """No configuration is left, or none of them runs."""


_CLASSES = {
    "TM_E_ARGUMENT": ArgumentError,
    "TM_E_NOT_FOUND": CompilationError,
    "TM_E_SYNTAX": CompilationError,
    "TM_E_SEMANTIC": CompilationError,
    "TM_E_UNSUPPORTED": UnsupportedLanguageConstruct,
    "TM_E_LIMIT": OutOfResources,
    "TM_E_MEMORY": OutOfMemoryError,
    "TM_E_NO_DEVICE": DeviceNotFoundError,
    "TM_E_MISSING_LIBRARY": DeviceNotFoundError,
    "TM_E_METAL_COMPILE": CompilationError,
    "TM_E_DEVICE": DeviceError,
    "TM_E_TIMEOUT": WaitTimeoutError,
}


def make(status, message, diagnostics):
    """The exception for a failed call of the C library."""
    kind = _CLASSES.get(status, Error)
    found = [d for d in diagnostics if d.severity == 2]
    if kind is CompilationError and found and found[0].message.startswith("static_assert"):
        kind = CompileTimeAssertionFailure
    text = "\n".join(str(d) for d in diagnostics)
    error = kind(f"{message}\n{text}" if text else message)
    error.status, error.diagnostics = status, tuple(diagnostics)
    return error
