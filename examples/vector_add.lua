-- SPDX-License-Identifier: MIT
-- vector_add.lua - libtritonmetal from another language, by dlopen: LuaJIT.
--
--   luajit examples/vector_add.lua [path of libtritonmetal.so]
--
-- A binding needs the structures and functions that it uses, as the header has
-- them, and nothing to compile. tests/check_examples.sh compares the layouts
-- below with the header's.
local ffi = require("ffi")

ffi.cdef [[
typedef struct tm_context tm_context;
typedef struct tm_module tm_module;
typedef struct tm_function tm_function;
typedef struct tm_stream tm_stream;
typedef struct tm_buffer tm_buffer;
typedef struct tm_error tm_error;
typedef struct tm_grid { uint32_t x, y, z; } tm_grid;
typedef struct tm_arg {
  uint32_t tag, dtype;
  union { tm_buffer *buffer; int64_t i; double f; const char *text; } u;
  uint64_t offset;
} tm_arg;

uint32_t tm_version(void);
const char *tm_error_text(const tm_error *error);
void tm_error_destroy(tm_error *error);
int tm_context_create(tm_context **, const void *options, tm_error **);
void tm_context_destroy(tm_context *);
int tm_module_parse(tm_module **, const char *name, const char *file,
                    const char *text, size_t length, const void *options,
                    tm_error **);
void tm_module_destroy(tm_module *);
int tm_function_create(tm_function **, tm_context *, const tm_module *,
                       const char *name, const void *options, tm_error **);
void tm_function_destroy(tm_function *);
int tm_stream_create(tm_stream **, tm_context *, const void *options,
                     tm_error **);
int tm_stream_synchronize(tm_stream *, uint64_t timeout_ms, tm_error **);
void tm_stream_destroy(tm_stream *);
int tm_buffer_create(tm_buffer **, tm_context *, uint64_t size,
                     const void *options, tm_error **);
void *tm_buffer_contents(const tm_buffer *);
void tm_buffer_destroy(tm_buffer *);
int tm_function_launch(tm_stream *, tm_function *, tm_grid, const tm_arg *,
                       size_t, const void *options, tm_error **);
]]
local GIVE_BUFFER, GIVE_INT, F32, WAIT_FOREVER = 1, 2, 12, 0xffffffffffffffffULL

local tm = ffi.load(arg[1] or "tritonmetal")

-- Calls a function of the library; a failure becomes a Lua error.
local function call(name, ...)
  local failure = ffi.new("tm_error *[1]")
  local given = { ... }
  given[#given + 1] = failure
  if tm[name](unpack(given)) ~= 0 then
    local text = ffi.string(tm.tm_error_text(failure[0]))
    tm.tm_error_destroy(failure[0])
    error(text, 2)
  end
end

-- Makes an object; `given` are the arguments between it and the error.
local function make(kind, create, destroy, ...)
  local made = ffi.new("tm_" .. kind .. " *[1]")
  call(create, made, ...)
  return ffi.gc(made[0], tm[destroy])
end

local source = [[
import triton
import triton.language as tl

@triton.jit
def add(x, y, out, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out + i, tl.load(x + i, i < n) + tl.load(y + i, i < n), i < n)
]]

local N, BLOCK = 100000, 1024
local none = ffi.cast("const void *", nil)
local gpu = make("context", "tm_context_create", "tm_context_destroy", none)
local ops = make("module", "tm_module_parse", "tm_module_destroy", nil, "add.py",
                 source, #source, none)
local add = make("function", "tm_function_create", "tm_function_destroy", gpu, ops,
                 "add", none)
local stream = make("stream", "tm_stream_create", "tm_stream_destroy", gpu, none)

local args = ffi.new("tm_arg[5]")
local buffers, floats = {}, {}
for i = 0, 2 do
  buffers[i] = make("buffer", "tm_buffer_create", "tm_buffer_destroy", gpu, N * 4, none)
  floats[i] = ffi.cast("float *", tm.tm_buffer_contents(buffers[i]))
  args[i].tag, args[i].dtype, args[i].u.buffer = GIVE_BUFFER, F32, buffers[i]
end
for i = 0, N - 1 do floats[0][i], floats[1][i] = i, 0.5 end
args[3].tag, args[3].u.i = GIVE_INT, N
args[4].tag, args[4].u.i = GIVE_INT, BLOCK

call("tm_function_launch", stream, add, ffi.new("tm_grid", math.ceil(N / BLOCK), 1, 1),
     args, 5, none)
call("tm_stream_synchronize", stream, WAIT_FOREVER)
print(string.format("out[0] = %g, out[%d] = %.9g", floats[2][0], N - 1, floats[2][N - 1]))
print("sizes " .. ffi.sizeof("tm_arg") .. " " .. ffi.sizeof("tm_grid"))

-- A mistake in the kernel's text is a Lua error that shows the place.
local ok, text = pcall(make, "module", "tm_module_parse", "tm_module_destroy", nil,
                       "broken.py", "def f(:\n", 8, none)
assert(not ok and text:find("broken.py:1", 1, true), text)
