/* SPDX-License-Identifier: MIT */
/*
 * tritonmetal.h - Triton kernels on Apple GPUs, from C.
 *
 * libtritonmetal takes kernels written in the Triton language, as text or
 * built by calls, compiles them to Metal Shading Language at run time, lets
 * Metal build pipelines from that, keeps the results in a cache on disk, and
 * launches them on unified memory. It needs no Python, no LLVM and no Xcode.
 * On other systems than macOS the same calls reach softmetal, a Metal of our
 * own that computes on the CPU.
 *
 * A walk-through:
 *
 *     tm_error *error = NULL;
 *     tm_context *context;
 *     tm_module *module;
 *     tm_kernel *add;
 *     tm_stream *stream;
 *     tm_buffer *x, *y, *out;
 *
 *     tm_context_create(&context, NULL, &error);
 *     tm_module_parse(&module, "ops", "ops.py", text, length, NULL, &error);
 *
 *     tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
 *     options.signature = "*fp32:16, *fp32:16, *fp32:16, i32, 1024";
 *     tm_compile(&add, context, module, "add_kernel", &options, &error);
 *
 *     tm_buffer_create(&x, context, n * sizeof(float), NULL, &error);
 *     ... y, out; fill tm_buffer_contents(x) and tm_buffer_contents(y) ...
 *     tm_stream_create(&stream, context, NULL, &error);
 *
 *     tm_arg args[4];
 *     args[0] = tm_arg_buffer(x, 0);
 *     args[1] = tm_arg_buffer(y, 0);
 *     args[2] = tm_arg_buffer(out, 0);
 *     args[3] = tm_arg_int(n);
 *     tm_launch(stream, add, tm_grid_1d((n + 1023) / 1024), args, 4, &error);
 *     tm_stream_synchronize(stream, TM_WAIT_FOREVER, &error);
 *     ... read tm_buffer_contents(out) ...
 *
 * With tm_function_create and tm_function_launch the library picks the
 * specialization from the arguments instead, as Triton's launcher does.
 *
 * Ownership. What a function hands out through a pointer to a pointer is the
 * caller's, to be given to the matching _destroy, which takes NULL. What it
 * returns as a const pointer is borrowed and lives as long as the object it
 * was asked of. Objects keep alive what they need: they may be destroyed in
 * any order, and while the GPU still works on them. Text and arrays that are
 * passed in are copied, or used only during the call.
 *
 * Errors. Functions that can fail return a tm_status, TM_OK being zero, and
 * take a tm_error ** last. It may be NULL; otherwise a failing call stores a
 * new error object there, which the caller destroys, and a succeeding call
 * stores NULL. On failure the first out-parameter is NULL. There is no
 * hidden error state. Launches are asynchronous: what goes wrong on the GPU
 * is reported by the call that observes it, with the kernel's name.
 *
 * Threads. Each function has a Threads: line. "any" means that any number of
 * threads may call it at once on the same objects; "one per <object>" that
 * calls on the same object must not overlap.
 *
 * Forks. After a fork() the child can use none of its parent's objects but
 * modules and errors: calls on them are refused with TM_E_ARGUMENT, and
 * destroying them does nothing. It may make contexts of its own and compile
 * with them. Metal does not survive a fork: where the parent had opened a
 * device, what needs one is refused with TM_E_NO_DEVICE.
 *
 * Structures. Option structures begin with their size, are made with their
 * _INIT macro, and mean the default where they are zero; a NULL pointer means
 * all defaults. Fields are only ever appended. A structure that is larger
 * than this library knows is refused if the part it does not know is used.
 *
 * Versions. TM_VERSION_* tell the header's version, tm_version() the
 * library's. Until 1.0 a change of the minor version may break; assert that
 * both agree. What is not declared here is not API. Functions exist since
 * the version in their Since: line.
 */
#ifndef TRITONMETAL_H
#define TRITONMETAL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(_WIN32)
#error "libtritonmetal is for macOS and other Unix systems"
#elif defined(__GNUC__)
#define TM_API __attribute__((visibility("default")))
#else
#define TM_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- version ---------------------------------------------------------- */

#define TM_VERSION_MAJOR 0
#define TM_VERSION_MINOR 1
#define TM_VERSION_PATCH 0
#define TM_VERSION_STRING "0.1.0"
/* Increases with every version: 10000 * major + 100 * minor + patch. */
#define TM_VERSION_NUMBER \
  (TM_VERSION_MAJOR * 10000 + TM_VERSION_MINOR * 100 + TM_VERSION_PATCH)

/* The library's TM_VERSION_NUMBER.
 * Threads: any. Since: 0.1 */
TM_API uint32_t tm_version(void);
/* The library's TM_VERSION_STRING. Borrowed, lives for ever.
 * Threads: any. Since: 0.1 */
TM_API const char *tm_version_text(void);

/* ---- status and errors ------------------------------------------------ */

/* X(name, number, sentence). Numbers never change; gaps are for later. */
#define TM_STATUS_MAP(X)                                                      \
  X(TM_OK, 0, "success")                                                      \
  X(TM_E_ARGUMENT, 1, "an argument of the call is not valid")                 \
  X(TM_E_NOT_FOUND, 2, "the module has no kernel of that name")               \
  X(TM_E_SYNTAX, 10, "the source is not valid Triton")                        \
  X(TM_E_SEMANTIC, 11, "the kernel is not well-formed")                       \
  X(TM_E_UNSUPPORTED, 12, "the kernel uses what cannot be done on this GPU")  \
  X(TM_E_LIMIT, 13, "a limit of the GPU or of the compiler is exceeded")      \
  X(TM_E_MEMORY, 20, "there is not enough memory")                            \
  X(TM_E_IO, 21, "a file cannot be read or written")                          \
  X(TM_E_NO_DEVICE, 30, "there is no Metal device")                           \
  X(TM_E_MISSING_LIBRARY, 31, "a library that is needed is not installed")    \
  X(TM_E_METAL_COMPILE, 32, "Metal does not accept the generated program")    \
  X(TM_E_DEVICE, 33, "the GPU reported an error")                             \
  X(TM_E_TIMEOUT, 34, "the work was not done in time")                        \
  X(TM_E_INTERNAL, 40, "a fault in libtritonmetal; please report it")

typedef enum tm_status {
#define TM_STATUS_ENUM(name, number, text) name = number,
  TM_STATUS_MAP(TM_STATUS_ENUM)
#undef TM_STATUS_ENUM
  TM_STATUS_FORCE_32_BITS = 0x7fffffff
} tm_status;

/* "TM_E_SYNTAX" for TM_E_SYNTAX; "TM_E_UNKNOWN" for other numbers. Borrowed,
 * lives for ever.
 * Threads: any. Since: 0.1 */
TM_API const char *tm_status_name(tm_status status);
/* The sentence of TM_STATUS_MAP. Borrowed, lives for ever.
 * Threads: any. Since: 0.1 */
TM_API const char *tm_status_text(tm_status status);

/* What went wrong in one call. Immutable. */
typedef struct tm_error tm_error;

typedef enum tm_severity_level {
  TM_SEVERITY_NOTE = 0,
  TM_SEVERITY_WARNING = 1,
  TM_SEVERITY_ERROR = 2
} tm_severity_level;

/* One finding in a source text. */
typedef struct tm_diagnostic {
  tm_severity_level severity;
  tm_status status;      /* what kind of error; TM_OK for notes, warnings */
  const char *file;      /* the file name given with the text; NULL: none */
  uint32_t line, column; /* from 1; the column in bytes; 0: no place */
  const char *message;   /* one line */
  const char *hint;      /* what to do instead; NULL when there is none */
  const char *rendered;  /* all of it with the source line and a caret */
} tm_diagnostic;

/* The status of the call that made the error; TM_OK for NULL.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_error_status(const tm_error *error);
/* One line that says what was found and what was expected; "" for NULL.
 * Borrowed from the error.
 * Threads: any. Since: 0.1 */
TM_API const char *tm_error_message(const tm_error *error);
/* The message and every rendered diagnostic, to be shown to a person; ends
 * with a newline. "" for NULL. Borrowed from the error.
 * Threads: any. Since: 0.1 */
TM_API const char *tm_error_text(const tm_error *error);
/* How many diagnostics the error has; 0 for NULL.
 * Threads: any. Since: 0.1 */
TM_API size_t tm_error_diagnostic_count(const tm_error *error);
/* Diagnostic number index, from 0, in the order of discovery; NULL when
 * there is none. Borrowed from the error.
 * Threads: any. Since: 0.1 */
TM_API const tm_diagnostic *tm_error_diagnostic(const tm_error *error,
                                                size_t index);
/* Frees the error; NULL is fine.
 * Threads: one per error. Since: 0.1 */
TM_API void tm_error_destroy(tm_error *error);

/* ---- context ---------------------------------------------------------- */

/* Settings, a cache, and one GPU. The GPU is opened by the first call that
 * needs it: compiling for a named chip needs none. A program may have several
 * contexts; each has its own buffers, and they may not be mixed. */
typedef struct tm_context tm_context;

/* Three-valued switch: zero leaves the choice to the next settings layer. */
typedef enum tm_switch {
  TM_SWITCH_DEFAULT = 0,
  TM_SWITCH_ON = 1,
  TM_SWITCH_OFF = 2
} tm_switch;

/* Settings, strongest first: this structure; the environment; the file
 * ~/.triton/metal_config.json; the default. Each field names its environment
 * variable and its key in the file. */
typedef struct tm_context_options {
  size_t struct_size;    /* set by TM_CONTEXT_OPTIONS_INIT */
  const char *cache_dir; /* folder of kernels.db. TRITON_METAL_CACHE_DIR,
                            "cache_dir". Default ~/.triton/metal_cache */
  tm_switch cache;       /* off: neither read nor write the cache.
                            TRITON_METAL_CACHE=0, "cache". Default on */
  uint64_t cache_limit;  /* bytes; above it the least recently used rows go.
                            "cache_limit". Default 512 MiB */
  const char *device;    /* a part of the device's name, or its number.
                            TRITON_METAL_DEVICE, "device". Default: the
                            system's default device */
  const char *chip;      /* compile for this chip ("m1" ... "m5-max") when a
                            compile does not say. TRITON_METAL_CHIP, "chip".
                            Default: the device's */
  tm_switch force_sync;  /* on: every launch waits for its end.
                            TRITON_METAL_FORCE_SYNC=1, "force_sync".
                            Default off */
  tm_switch auto_tuning; /* off: functions measure nothing and take the
                            model's first choice.
                            TRITON_METAL_DISABLE_AUTOTUNING=1,
                            "auto_tuning". Default on */
  uint32_t debug_level;  /* what log is told. 1: of each compile its stages
                            with their times, what the cache decided and why,
                            where it was dumped; Metal's compiles. 2: launches
                            too. 3: the MSL too. TRITON_METAL_DEBUG,
                            "debug_level". Default 0 */
  uint32_t threadgroup_size; /* threads of a program when num_warps is not
                            given: 32 to 1024, a power of two.
                            "preferred_threadgroup_size". Default: chosen for
                            each kernel by its tiles and the chip; 128 for
                            most */
  uint32_t max_threadgroup_bytes; /* refuse kernels that need more
                            threadgroup memory. "max_shared_memory".
                            Default: the chip's limit */
  uint32_t optimization_level; /* 1: the passes that are needed, 2: all.
                            "optimization_level". Default 2 */
  void (*log)(void *payload, uint32_t level, const char *line); /* where
                            debug_level's lines go, with the level of each;
                            also warnings, of level 0, whatever debug_level is:
                            settings that cannot be used, dumps that cannot be
                            written, and once a cache that fails. May be called from any thread that calls
                            the library, which it must not call. NULL: stderr,
                            and warnings only when debug_level is not 0 */
  void *payload;         /* given to log and print */
  void (*print)(void *payload, const char *line); /* where lines of
                            device_print go, while tm_stream_flush,
                            tm_stream_synchronize and tm_stream_destroy run.
                            NULL: the stream keeps them for
                            tm_stream_read_printed */
  tm_switch debug;       /* on: kernels keep tl.device_assert and assert, and
                            assert that sums, differences and products of
                            integers below 64 bits do not overflow, as those
                            with @triton.jit(debug=True) always do.
                            TRITON_DEBUG=1, "debug". Default off */
  const char *dump_dir;  /* write the stages of every compile there, in a folder
                            a kernel: ast.py, ttir.mlir, layout.mlir,
                            kernel.msl. TRITON_METAL_DUMP_DIR, "dump_dir".
                            Default, and "": nowhere */
  tm_switch check_handles; /* on: a destroyed object that is used or destroyed
                            again gives TM_E_ARGUMENT, or a line in the log
                            from functions without a status, instead of
                            undefined behaviour. Of the whole process, as the
                            last context says. TRITON_METAL_CHECK_HANDLES=1.
                            Default: on, unless the library was built with
                            NDEBUG */
  tm_switch archives;    /* on: the cache keeps kernels' native code, too, as
                            MTLBinaryArchive, for the device and the build of
                            the system; the next process's first launch
                            compiles nothing. Metal loads what the cache's
                            file holds, so that this file must be trusted as
                            the program is. TRITON_METAL_ARCHIVES=1,
                            "archives". Default off: macOS keeps compiled
                            kernels of its own */
  tm_switch tensor_ops;  /* on: kernels for M5 leave tl.dot of fp16 and bf16 to
                            Metal's tensor operations (matmul2d, MSL 4.0) where
                            shapes allow, on a device that passes a probe of
                            them; all others are compiled without, and log says
                            so. TRITON_METAL_TENSOR_OPS=1, "tensor_ops".
                            Default off: it has not run on a Mac */
} tm_context_options;
#define TM_CONTEXT_OPTIONS_INIT \
  { sizeof(tm_context_options), NULL, TM_SWITCH_DEFAULT, 0, NULL, NULL, \
    TM_SWITCH_DEFAULT, TM_SWITCH_DEFAULT, 0, 0, 0, 0, NULL, NULL, NULL, \
    TM_SWITCH_DEFAULT, NULL, TM_SWITCH_DEFAULT, TM_SWITCH_DEFAULT, \
    TM_SWITCH_DEFAULT }

/* Makes a context. Opens no device and no file but the settings file; that
 * one being unreadable or strange is no error, see tm_environment. The
 * context is the caller's.
 * Errors: TM_E_ARGUMENT (a value out of range, an unknown chip), TM_E_MEMORY.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_context_create(tm_context **context,
                                   const tm_context_options *options,
                                   tm_error **error);
/* Gives up the context; NULL is fine. Its memory goes when the last object
 * made with it is destroyed.
 * Threads: one per context. Since: 0.1 */
TM_API void tm_context_destroy(tm_context *context);

/* ---- modules ---------------------------------------------------------- */

/* A parsed source file with the modules it imports. Needs no context and no
 * device. */
typedef struct tm_module tm_module;

typedef struct tm_module_options {
  size_t struct_size;  /* set by TM_MODULE_OPTIONS_INIT */
  uint32_t is_package; /* not 0: the text is a package's __init__.py, where
                          relative imports start */
} tm_module_options;
#define TM_MODULE_OPTIONS_INIT { sizeof(tm_module_options), 0 }

/* Parses a Python file with Triton kernels. name is the dotted name that
 * other modules import it by ("pkg.ops"); NULL: "__main__". file_name is what
 * errors show; NULL: "<text>". text is length bytes of UTF-8, need not end in
 * a zero, and is copied. The module is the caller's.
 * Errors: TM_E_SYNTAX with every diagnostic, TM_E_ARGUMENT, TM_E_LIMIT,
 * TM_E_MEMORY.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_module_parse(tm_module **module, const char *name,
                                 const char *file_name, const char *text,
                                 size_t length,
                                 const tm_module_options *options,
                                 tm_error **error);
/* Parses another file into the set of modules that module may import from,
 * directly or not. Arguments as for tm_module_parse, but name is needed and
 * must be new to the set. When it fails the set is as it was. Add before
 * compiling: kernels of a module that is used by several threads, or by a
 * tm_function, must find their imports already there.
 * Errors: as tm_module_parse.
 * Threads: one per module. Since: 0.1 */
TM_API tm_status tm_module_add(tm_module *module, const char *name,
                               const char *file_name, const char *text,
                               size_t length,
                               const tm_module_options *options,
                               tm_error **error);
/* Registers an operation that kernels of the set call as tl.custom("name",
 * x, ...). Two kinds:
 *   signature NULL  text is Triton source with a @triton.jit function called
 *                   name; a call is inlined like any helper's.
 *   signature given text is MSL that defines a METAL_FUNC called name of single
 *                   elements, as the signature says: "fp32(fp32, i32)", of
 *                   i1 i8 i16 i32 i64 u8 u16 u32 u64 fp16 fp32, at most 8
 *                   arguments. It is applied to every element of its
 *                   arguments, which are broadcast; it must depend on nothing
 *                   else. Other functions may stand beside it.
 * The text is part of the kernels' keys in the cache. It is copied. Add
 * before compiling, as modules.
 * Errors: TM_E_ARGUMENT (NULL, a name that is none or is taken, a signature
 * or MSL that is refused, with the reason), TM_E_SYNTAX for Triton source,
 * TM_E_MEMORY. Mistakes inside the MSL are Metal's to find: tm_kernel_load
 * gives its text.
 * Threads: one per module. Since: 0.1 */
TM_API tm_status tm_module_add_custom(tm_module *module, const char *name,
                                      const char *signature,
                                      const char *text, size_t length,
                                      tm_error **error);
/* The absolute dotted name of import number index, from 0, that is named in
 * the set but is not in it; NULL past the last. Triton's own modules are not
 * listed. Not every one is needed: host code imports too.
 * Stock is taken when index is 0 and a module was added since; so that adding
 * a package is linear, other indexes read the list as it was taken then. Walk
 * it to its end, adding what is found, and walk again while a walk has added
 * something. Borrowed until the next call with index 0.
 * Threads: one per module. Since: 0.1 */
TM_API const char *tm_module_missing_import(tm_module *module, size_t index);
/* How many kernels (jit functions) the module itself has.
 * Threads: any. Since: 0.1 */
TM_API size_t tm_module_kernel_count(const tm_module *module);
/* The name of kernel number index, from 0, in source order; NULL past the
 * last. Borrowed from the module.
 * Threads: any. Since: 0.1 */
TM_API const char *tm_module_kernel_name(const tm_module *module,
                                         size_t index);
/* The module's text, zero-terminated; for a module built with tm_ast_* the
 * text that it reads as. Borrowed from the module.
 * Threads: any. Since: 0.1 */
TM_API const char *tm_module_text(const tm_module *module);
/* Gives up the module; NULL is fine.
 * Threads: one per module. Since: 0.1 */
TM_API void tm_module_destroy(tm_module *module);

/* ---- building kernels without text ------------------------------------ */

/*
 * A builder makes the same tree that the parser makes from text:
 *
 *     tm_ast *a;
 *     tm_ast_create(&a, "ops", &error);
 *     tm_ast_function(a, "copy", TM_AST_JIT);
 *     tm_ast_param(a, "x", NULL, NULL);
 *     tm_ast_param(a, "y", NULL, NULL);
 *     tm_ast_param(a, "BLOCK", tm_ast_name(a, "tl.constexpr"), NULL);
 *     tm_expr *range[2] = { tm_ast_int(a, 0), tm_ast_name(a, "BLOCK") };
 *     tm_ast_assign(a, tm_ast_name(a, "i"), tm_ast_call(a,
 *         tm_ast_name(a, "tl.arange"), range, 2, NULL, 0));
 *     ...
 *     tm_ast_end(a);
 *     tm_ast_finish(&module, a, &error);
 *
 * Expressions belong to the builder and may be used several times. A call
 * that cannot do what it is told returns NULL and makes tm_ast_finish fail
 * with the first such error; NULL expressions pass through quietly, so only
 * tm_ast_finish needs checking. `triton` and `tl` are imported already.
 * Statements go to the innermost open block.
 */
typedef struct tm_ast tm_ast;
typedef struct tm_expr tm_expr;

typedef struct tm_ast_keyword {
  const char *name;
  tm_expr *value;
} tm_ast_keyword;

enum { TM_AST_PLAIN = 0, TM_AST_JIT = 1 }; /* tm_ast_function's flags */

/* Makes a builder for a module of that dotted name; NULL: "__main__". The
 * builder is the caller's.
 * Errors: TM_E_ARGUMENT, TM_E_MEMORY.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_ast_create(tm_ast **ast, const char *module_name,
                               tm_error **error);
/* Gives up the builder and its expressions; NULL is fine. Modules finished
 * from it stay.
 * Threads: one per builder. Since: 0.1 */
TM_API void tm_ast_destroy(tm_ast *ast);

/* A name, "BLOCK"; or a dotted one, "tl.load". Borrowed from the builder.
 * Threads: one per builder. Since: 0.1 */
TM_API tm_expr *tm_ast_name(tm_ast *ast, const char *name);
/* An integer literal. Borrowed from the builder.
 * Threads: one per builder. Since: 0.1 */
TM_API tm_expr *tm_ast_int(tm_ast *ast, int64_t value);
/* A float literal; infinities and NaN become float("inf") and so on.
 * Borrowed from the builder.
 * Threads: one per builder. Since: 0.1 */
TM_API tm_expr *tm_ast_float(tm_ast *ast, double value);
/* A string literal of zero-terminated UTF-8. Borrowed from the builder.
 * Threads: one per builder. Since: 0.1 */
TM_API tm_expr *tm_ast_string(tm_ast *ast, const char *text);
/* True or False. Borrowed from the builder.
 * Threads: one per builder. Since: 0.1 */
TM_API tm_expr *tm_ast_bool(tm_ast *ast, int value);
/* None. Borrowed from the builder.
 * Threads: one per builder. Since: 0.1 */
TM_API tm_expr *tm_ast_none(tm_ast *ast);
/* op x; op is "-", "+", "~" or "not". Borrowed from the builder.
 * Threads: one per builder. Since: 0.1 */
TM_API tm_expr *tm_ast_unary(tm_ast *ast, const char *op, tm_expr *x);
/* x op y; op as Python writes it: + - * / // % ** @ & | ^ << >>, a comparison
 * == != < <= > >= is "is not" in "not in", and, or. Borrowed from the builder.
 * Threads: one per builder. Since: 0.1 */
TM_API tm_expr *tm_ast_binary(tm_ast *ast, const char *op, tm_expr *x,
                              tm_expr *y);
/* `yes if condition else no`. Borrowed from the builder.
 * Threads: one per builder. Since: 0.1 */
TM_API tm_expr *tm_ast_select(tm_ast *ast, tm_expr *condition, tm_expr *yes,
                              tm_expr *no);
/* x.name. Borrowed from the builder.
 * Threads: one per builder. Since: 0.1 */
TM_API tm_expr *tm_ast_attribute(tm_ast *ast, tm_expr *x, const char *name);
/* x[indices]; one index, or several: x[:, None]. Borrowed from the builder.
 * Threads: one per builder. Since: 0.1 */
TM_API tm_expr *tm_ast_subscript(tm_ast *ast, tm_expr *x,
                                 tm_expr *const *indices, size_t count);
/* from:to:step, each may be NULL; only as an index. Borrowed from the builder.
 * Threads: one per builder. Since: 0.1 */
TM_API tm_expr *tm_ast_slice(tm_ast *ast, tm_expr *from, tm_expr *to,
                             tm_expr *step);
/* (items...); count may be 0. Borrowed from the builder.
 * Threads: one per builder. Since: 0.1 */
TM_API tm_expr *tm_ast_tuple(tm_ast *ast, tm_expr *const *items, size_t count);
/* callee(args..., keywords...). Borrowed from the builder.
 * Threads: one per builder. Since: 0.1 */
TM_API tm_expr *tm_ast_call(tm_ast *ast, tm_expr *callee,
                            tm_expr *const *args, size_t n_args,
                            const tm_ast_keyword *keywords,
                            size_t n_keywords);

/* Opens a function. flags: TM_AST_JIT decorates it with @triton.jit, as
 * kernels and their helpers are. Close it with tm_ast_end.
 * Threads: one per builder. Since: 0.1 */
TM_API void tm_ast_function(tm_ast *ast, const char *name, uint32_t flags);
/* Adds a parameter to the function just opened; annotation and value (its
 * default) may be NULL.
 * Threads: one per builder. Since: 0.1 */
TM_API void tm_ast_param(tm_ast *ast, const char *name, tm_expr *annotation,
                         tm_expr *value);
/* target = value; target is a name or a tuple of names. Outside a function: a
 * module-level constant.
 * Threads: one per builder. Since: 0.1 */
TM_API void tm_ast_assign(tm_ast *ast, tm_expr *target, tm_expr *value);
/* target op= value; op as for tm_ast_binary's arithmetic, "+".
 * Threads: one per builder. Since: 0.1 */
TM_API void tm_ast_update(tm_ast *ast, const char *op, tm_expr *target,
                          tm_expr *value);
/* An expression as a statement: a call of tl.store.
 * Threads: one per builder. Since: 0.1 */
TM_API void tm_ast_do(tm_ast *ast, tm_expr *expression);
/* return value; NULL: return nothing.
 * Threads: one per builder. Since: 0.1 */
TM_API void tm_ast_return(tm_ast *ast, tm_expr *value);
/* Opens `for target in iterable`. Close it with tm_ast_end.
 * Threads: one per builder. Since: 0.1 */
TM_API void tm_ast_for(tm_ast *ast, tm_expr *target, tm_expr *iterable);
/* Opens `while condition`. Close it with tm_ast_end.
 * Threads: one per builder. Since: 0.1 */
TM_API void tm_ast_while(tm_ast *ast, tm_expr *condition);
/* Opens `if condition`. Close it with tm_ast_end.
 * Threads: one per builder. Since: 0.1 */
TM_API void tm_ast_if(tm_ast *ast, tm_expr *condition);
/* The `else` of the innermost open if.
 * Threads: one per builder. Since: 0.1 */
TM_API void tm_ast_else(tm_ast *ast);
/* Closes the innermost open block.
 * Threads: one per builder. Since: 0.1 */
TM_API void tm_ast_end(tm_ast *ast);
/* Makes a module of what was built; positions in errors refer to its
 * tm_module_text. The builder may go on and be finished again. The module is
 * the caller's.
 * Errors: TM_E_ARGUMENT with the first mistake in building, TM_E_SYNTAX,
 * TM_E_LIMIT, TM_E_MEMORY.
 * Threads: one per builder. Since: 0.1 */
TM_API tm_status tm_ast_finish(tm_module **module, tm_ast *ast,
                               tm_error **error);

/* ---- arguments -------------------------------------------------------- */

/* A block of memory that host and GPU share; see below. */
typedef struct tm_buffer tm_buffer;

/* X(name, number, Triton's spelling): types of elements and numbers. */
#define TM_DTYPE_MAP(X)          \
  X(TM_DTYPE_NONE, 0, "")        \
  X(TM_DTYPE_I1, 1, "i1")        \
  X(TM_DTYPE_I8, 2, "i8")        \
  X(TM_DTYPE_I16, 3, "i16")      \
  X(TM_DTYPE_I32, 4, "i32")      \
  X(TM_DTYPE_I64, 5, "i64")      \
  X(TM_DTYPE_U8, 6, "u8")        \
  X(TM_DTYPE_U16, 7, "u16")      \
  X(TM_DTYPE_U32, 8, "u32")      \
  X(TM_DTYPE_U64, 9, "u64")      \
  X(TM_DTYPE_F16, 10, "fp16")    \
  X(TM_DTYPE_BF16, 11, "bf16")   \
  X(TM_DTYPE_F32, 12, "fp32")    \
  X(TM_DTYPE_F64, 13, "fp64")    \
  X(TM_DTYPE_F8E4M3, 14, "fp8e4nv") \
  X(TM_DTYPE_F8E5M2, 15, "fp8e5")

typedef enum tm_dtype {
#define TM_DTYPE_ENUM(name, number, text) name = number,
  TM_DTYPE_MAP(TM_DTYPE_ENUM)
#undef TM_DTYPE_ENUM
  TM_DTYPE_FORCE_32_BITS = 0x7fffffff
} tm_dtype;

typedef enum tm_arg_tag {
  TM_GIVE_NOTHING = 0, /* for functions: the parameter's default */
  TM_GIVE_BUFFER = 1,  /* buffer, offset; dtype is needed by functions */
  TM_GIVE_INT = 2,     /* i */
  TM_GIVE_FLOAT = 3,   /* f */
  TM_GIVE_BOOL = 4,    /* i: 0 or 1 */
  TM_GIVE_NONE = 5,    /* Python's None: a missing pointer, or a constexpr */
  TM_GIVE_TEXT = 6,    /* text: a constexpr string; borrowed for the call */
  TM_GIVE_DTYPE = 7,   /* dtype: a constexpr such as tl.float16 */
  TM_GIVE_DESCRIPTOR = 8, /* descriptor: a tensor descriptor */
  TM_GIVE_TUPLE = 9,   /* items, as many as offset says */
  TM_GIVE_NAMED_TUPLE = 10, /* members, as many as offset says */
  TM_GIVE_SPECS = 11,  /* specs, as many as offset says: only the value of a
                          tm_param_spec of form TM_FORM_TUPLE */
  TM_GIVE_FUNCTION = 12 /* text: a function, a compile-time value */
} tm_arg_tag;

/* What a tensor descriptor gives for elements outside of its tensor. */
typedef enum tm_padding {
  TM_PADDING_ZERO = 0,
  TM_PADDING_NAN = 1
} tm_padding;

/* One argument of a launch, or a compile-time value. Make it with the
 * functions below. */
typedef struct tm_arg {
  uint32_t tag;        /* tm_arg_tag */
  uint32_t dtype;      /* tm_dtype. BUFFER: of the elements. INT, FLOAT: of
                          the number, or TM_DTYPE_NONE for Triton's choice */
  union {
    tm_buffer *buffer;
    int64_t i;
    double f;
    const char *text;
    const struct tm_descriptor *descriptor; /* borrowed for the call, as are */
    const struct tm_arg *items;             /* these three */
    const struct tm_define *members;
    const struct tm_named_spec *specs;
  } u;
  uint64_t offset;     /* BUFFER: bytes to the first element. TEXT, FUNCTION:
                          bytes of text; 0: it ends at its zero byte. TUPLE,
                          NAMED_TUPLE, SPECS: how many */
} tm_arg;

/* A tensor descriptor as Triton's host code makes it: how a tensor lies in a
 * buffer, and the block that a kernel reads and writes of it at a time. The
 * element type, the block and the last two fields are known when the kernel is
 * compiled. A launch refuses what Triton's TensorDescriptor refuses, and a
 * tensor that does not lie within the buffer. */
typedef struct tm_descriptor {
  size_t struct_size;  /* set by TM_DESCRIPTOR_INIT */
  tm_buffer *buffer;
  uint64_t offset;     /* bytes to the first element, a multiple of 16 */
  uint32_t dtype;      /* tm_dtype of the elements */
  uint32_t rank;       /* 1 to 5 */
  int64_t shape[5];    /* elements in each dimension: 1 to 2^31 - 1 */
  int64_t strides[5];  /* elements from one index to the next. The last is 1,
                          the others are multiples of 16 bytes */
  uint32_t block_shape[5]; /* powers of two, at most 2^20 elements */
  uint32_t padding;    /* tm_padding; NaN for floats only */
  uint32_t round_f32_to_tf32; /* not 0: fp32 that is read is rounded to the
                          ten bits of tf32, to nearest even */
} tm_descriptor;
#define TM_DESCRIPTOR_INIT                                                  \
  { sizeof(tm_descriptor), NULL, 0, 0, 0, { 0, 0, 0, 0, 0 },                \
    { 0, 0, 0, 0, 0 }, { 0, 0, 0, 0, 0 }, 0, 0 }

static inline tm_arg tm_arg_make(tm_arg_tag tag) {
  tm_arg arg;
  memset(&arg, 0, sizeof arg);
  arg.tag = (uint32_t)tag;
  return arg;
}
/* The memory of buffer from offset bytes on. */
static inline tm_arg tm_arg_buffer(tm_buffer *buffer, uint64_t offset) {
  tm_arg arg = tm_arg_make(TM_GIVE_BUFFER);
  arg.u.buffer = buffer;
  arg.offset = offset;
  return arg;
}
/* The same with the element type, which functions specialise by. */
static inline tm_arg tm_arg_tensor(tm_buffer *buffer, uint64_t offset,
                                   tm_dtype dtype) {
  tm_arg arg = tm_arg_buffer(buffer, offset);
  arg.dtype = (uint32_t)dtype;
  return arg;
}
static inline tm_arg tm_arg_int(int64_t value) {
  tm_arg arg = tm_arg_make(TM_GIVE_INT);
  arg.u.i = value;
  return arg;
}
static inline tm_arg tm_arg_float(double value) {
  tm_arg arg = tm_arg_make(TM_GIVE_FLOAT);
  arg.u.f = value;
  return arg;
}
static inline tm_arg tm_arg_bool(int value) {
  tm_arg arg = tm_arg_make(TM_GIVE_BOOL);
  arg.u.i = value != 0;
  return arg;
}
static inline tm_arg tm_arg_none(void) { return tm_arg_make(TM_GIVE_NONE); }
static inline tm_arg tm_arg_text(const char *text) {
  tm_arg arg = tm_arg_make(TM_GIVE_TEXT);
  arg.u.text = text;
  return arg;
}
/* A jit function that the kernel calls, by the name that the kernel's module
 * has for it. Borrowed, as text is. */
static inline tm_arg tm_arg_function(const char *name) {
  tm_arg arg = tm_arg_make(TM_GIVE_FUNCTION);
  arg.u.text = name;
  return arg;
}
static inline tm_arg tm_arg_dtype(tm_dtype dtype) {
  tm_arg arg = tm_arg_make(TM_GIVE_DTYPE);
  arg.dtype = (uint32_t)dtype;
  return arg;
}

/* A tensor descriptor; it is borrowed, as are the arrays of tuples. */
static inline tm_arg tm_arg_descriptor(const tm_descriptor *descriptor) {
  tm_arg arg = tm_arg_make(TM_GIVE_DESCRIPTOR);
  arg.u.descriptor = descriptor;
  return arg;
}
/* A tuple. For functions it has all its items; for tm_launch only those that
 * are known at run time. A tuple of compile-time values is one too. */
static inline tm_arg tm_arg_tuple(const tm_arg *items, size_t n) {
  tm_arg arg = tm_arg_make(TM_GIVE_TUPLE);
  arg.u.items = items;
  arg.offset = n;
  return arg;
}

/* A value for the parameter of that name. */
typedef struct tm_define {
  const char *name;
  tm_arg value;
} tm_define;

/* A named tuple: its fields in order. */
static inline tm_arg tm_arg_named_tuple(const tm_define *members, size_t n) {
  tm_arg arg = tm_arg_make(TM_GIVE_NAMED_TUPLE);
  arg.u.members = members;
  arg.offset = n;
  return arg;
}

/* Reads a compile-time value as a command line gives it: an integer, a float,
 * true, false, none, the name of a type, @ and that of a jit function, or other
 * text, quoted or not. Text in *value is borrowed from text.
 * Errors: TM_E_ARGUMENT (empty text, quotes that do not match, an integer of
 * more than 64 bits).
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_arg_parse(tm_arg *value, const char *text,
                              tm_error **error);

/* ---- compiling -------------------------------------------------------- */

/* A compiled kernel: MSL with what a launch must know. Immutable. */
typedef struct tm_kernel tm_kernel;

typedef enum tm_spec_form {
  TM_FORM_DEFAULT = 0, /* the parameter's default value */
  TM_FORM_POINTER = 1, /* a buffer of dtype elements */
  TM_FORM_NUMBER = 2,  /* a run-time number of type dtype */
  TM_FORM_CONSTANT = 3, /* the compile-time value `value` */
  TM_FORM_DESCRIPTOR = 4, /* a tensor descriptor like the one in `value`, whose
                          buffer, shape and strides are not looked at */
  TM_FORM_TUPLE = 5    /* a tuple of what `value` says: tm_spec_tuple */
} tm_spec_form;

/* What is known of one parameter at compile time. */
typedef struct tm_param_spec {
  uint32_t form;         /* tm_spec_form */
  uint32_t dtype;        /* tm_dtype; POINTER, NUMBER */
  uint32_t divisibility; /* 16: pointer (in bytes) or number is a multiple of
                            16; 0 or 1: nothing is known */
  tm_arg value;          /* CONSTANT: no buffer, no descriptor. DESCRIPTOR,
                            TUPLE */
} tm_param_spec;

/* An item of a tuple. */
typedef struct tm_named_spec {
  const char *name;      /* of every item of a named tuple, or of none: NULL */
  tm_param_spec spec;
} tm_named_spec;

/* A tuple parameter with n items, which are borrowed. */
static inline tm_param_spec tm_spec_tuple(const tm_named_spec *items,
                                          size_t n) {
  tm_param_spec spec;
  memset(&spec, 0, sizeof spec);
  spec.form = TM_FORM_TUPLE;
  spec.value = tm_arg_make(TM_GIVE_SPECS);
  spec.value.u.specs = items;
  spec.value.offset = n;
  return spec;
}
/* A tensor descriptor parameter; the descriptor is borrowed. */
static inline tm_param_spec tm_spec_descriptor(const tm_descriptor *like) {
  tm_param_spec spec;
  memset(&spec, 0, sizeof spec);
  spec.form = TM_FORM_DESCRIPTOR;
  spec.value = tm_arg_descriptor(like);
  return spec;
}

typedef struct tm_compile_options {
  size_t struct_size;    /* set by TM_COMPILE_OPTIONS_INIT */
  const char *signature; /* Triton's: one entry a parameter, separated by
                            commas: "*fp32:16, i32, i32:16, 1024, none",
                            "tensordesc<fp16[64,64]>, (*fp32, i32, 16)".
                            Parameters named in defines have no entry.
                            docs/language.md has the grammar */
  const tm_param_spec *params; /* or one element for each parameter;
                            signature must then be NULL */
  size_t n_params;
  const tm_define *defines; /* compile-time values by name */
  size_t n_defines;
  const char *chip;      /* "m1" ... "m5-max"; NULL: the context's */
  uint32_t num_warps;    /* simdgroups of a program: a power of two up to 32;
                            0: by threadgroup_size of the context, and
                            when that is not set by the kernel's tiles and
                            the chip: 4 for most */
  uint32_t num_stages;   /* 0: 3, as Triton; from 4 on loops around tl.dot
                            load their next tiles early, where tiles are
                            staged in threadgroup memory (M1, M2) */
  tm_switch cache;       /* off: compile anew and store nothing */
  tm_switch tensor_ops;  /* on: tl.dot by tensor operations where shapes allow,
                            and TM_E_UNSUPPORTED for a chip that has none
                            (before M5), or a device that fails the probe of
                            them. Default: the context's, which is no demand */
} tm_compile_options;
#define TM_COMPILE_OPTIONS_INIT \
  { sizeof(tm_compile_options), NULL, NULL, 0, NULL, 0, NULL, 0, 0, \
    TM_SWITCH_DEFAULT, TM_SWITCH_DEFAULT }

/* Compiles the kernel of that name, or takes it from the cache. Needs no
 * device when a chip is named; the GPU's pipeline is made by the first
 * launch, or by tm_kernel_load. The kernel is the caller's.
 * Errors: TM_E_ARGUMENT, TM_E_NOT_FOUND, TM_E_SYNTAX (in the signature),
 * TM_E_SEMANTIC, TM_E_UNSUPPORTED, TM_E_LIMIT with diagnostics; TM_E_MEMORY;
 * TM_E_NO_DEVICE or TM_E_MISSING_LIBRARY when no chip is named.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_compile(tm_kernel **kernel, tm_context *context,
                            const tm_module *module, const char *name,
                            const tm_compile_options *options,
                            tm_error **error);
/* Makes the GPU's pipeline now rather than in the first launch. Compiling is
 * Metal's slow part.
 * Errors: TM_E_NO_DEVICE, TM_E_MISSING_LIBRARY, TM_E_METAL_COMPILE with
 * Metal's text, TM_E_LIMIT (the pipeline takes fewer threads than the kernel
 * has), TM_E_UNSUPPORTED (the device is older than the kernel's chip, or fails
 * the probe of tensor operations that the kernel uses).
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_kernel_load(tm_kernel *kernel, tm_error **error);

typedef enum tm_stage {
  TM_STAGE_AST = 0,    /* Triton source, printed from the tree */
  TM_STAGE_TTIR = 1,   /* optimised TTIR */
  TM_STAGE_LAYOUT = 2, /* TTIR with layouts */
  TM_STAGE_MSL = 3     /* what Metal gets */
} tm_stage;

/* The kernel at a stage of the compiler. Stages before MSL are made again
 * when first asked for. NULL for an unknown stage or without memory. Borrowed
 * from the kernel.
 * Threads: any. Since: 0.1 */
TM_API const char *tm_kernel_text(tm_kernel *kernel, tm_stage stage);

/* One run-time argument: what tm_launch takes, in order. */
typedef struct tm_kernel_arg {
  const char *name;
  const char *type;  /* "*fp32" or "i32", Triton's spelling */
  uint32_t is_buffer;
  uint32_t dtype;    /* tm_dtype of the elements or of the number */
  uint32_t reads, writes; /* BUFFER: not 0 when the kernel does */
  uint32_t divisibility;  /* what the kernel relies on: 16, or 0; strides of
                             descriptors: 16 bytes, in elements */
} tm_kernel_arg;

/* A tensor descriptor among the arguments. In args it is the base pointer, of
 * the descriptor's name, its rank sizes ("name.shape.0", i32), and all its
 * strides but the last ("name.stride.0", i64). */
typedef struct tm_kernel_descriptor {
  const char *name;
  size_t arg;            /* index of the base pointer in args */
  uint32_t dtype;        /* tm_dtype of the elements */
  uint32_t rank;         /* 1 to 5 */
  uint32_t block_shape[5];
  uint32_t padding;      /* tm_padding */
  uint32_t round_f32_to_tf32;
} tm_kernel_descriptor;

typedef struct tm_kernel_facts {
  size_t struct_size;
  const char *name;
  const char *chip;            /* what it was compiled for */
  const tm_kernel_arg *args;
  size_t n_args;
  uint32_t num_warps, num_stages;
  uint32_t threads;            /* of a threadgroup */
  uint32_t threadgroup_bytes;  /* memory of a threadgroup */
  uint32_t language_version;   /* MSL: (major << 16) + minor */
  uint32_t family;             /* lowest Apple GPU family it runs on */
  uint32_t from_cache;         /* not 0: it was found in the cache */
  double compile_seconds;      /* this tm_compile took */
  const tm_kernel_descriptor *descriptors; /* in order of their arguments */
  size_t n_descriptors;
  uint32_t bindings;           /* buffer indices that a launch sets in an
                                  encoder: 0 to bindings - 1 */
} tm_kernel_facts;

/* What is known of the kernel; NULL for NULL. Borrowed from the kernel.
 * Threads: any. Since: 0.1 */
TM_API const tm_kernel_facts *tm_kernel_info(const tm_kernel *kernel);
/* Gives up the kernel; NULL is fine. Launches in flight keep what they need.
 * Threads: one per kernel. Since: 0.1 */
TM_API void tm_kernel_destroy(tm_kernel *kernel);

/* ---- buffers ---------------------------------------------------------- */

typedef struct tm_buffer_options {
  size_t struct_size; /* set by TM_BUFFER_OPTIONS_INIT */
  uint32_t zero;      /* not 0: fill with zeros; otherwise the contents are
                         undefined, as freed memory is used again */
} tm_buffer_options;
#define TM_BUFFER_OPTIONS_INIT { sizeof(tm_buffer_options), 0 }

/* Makes a buffer of size bytes in memory that host and GPU share. The buffer
 * is the caller's.
 * Errors: TM_E_ARGUMENT (size 0), TM_E_LIMIT (over the device's largest
 * buffer), TM_E_MEMORY, TM_E_NO_DEVICE, TM_E_MISSING_LIBRARY.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_buffer_create(tm_buffer **buffer, tm_context *context,
                                  uint64_t size,
                                  const tm_buffer_options *options,
                                  tm_error **error);
/* Makes a buffer of size bytes of the caller's own memory, at any address,
 * without copying. The memory must stay until the buffer is destroyed and the
 * work on it is done. Metal maps whole pages (sysconf(_SC_PAGESIZE)): the
 * buffer starts at an offset in those that enclose the memory
 * (tm_buffer_metal), and kernels reach its own bytes only. An address that is
 * no multiple of 16 fits only kernels that were promised none. Memory that
 * Metal does not map, such as that of a device, is copied instead:
 * tm_buffer_is_copy tells. The buffer is the caller's.
 * Errors: TM_E_ARGUMENT (NULL, size 0), TM_E_LIMIT (its pages are over the
 * device's largest buffer), TM_E_MEMORY, TM_E_NO_DEVICE,
 * TM_E_MISSING_LIBRARY.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_buffer_wrap(tm_buffer **buffer, tm_context *context,
                                void *pointer, uint64_t size,
                                tm_error **error);
/* Makes a buffer of size bytes from offset of a foreign id<MTLBuffer> of the
 * same device, which is retained. size 0: to its end. Private storage works
 * too; tm_buffer_contents is then NULL. The buffer is the caller's.
 * Errors: TM_E_ARGUMENT (NULL, not in the buffer), TM_E_MEMORY,
 * TM_E_NO_DEVICE, TM_E_MISSING_LIBRARY.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_buffer_import(tm_buffer **buffer, tm_context *context,
                                  void *mtl_buffer, uint64_t offset,
                                  uint64_t size, tm_error **error);
/* Not 0: tm_buffer_wrap or tm_buffer_from_dlpack could not map the caller's
 * memory, and the buffer is a copy of it as it was then. 0 for NULL.
 * Threads: any. Since: 0.1 */
TM_API uint32_t tm_buffer_is_copy(const tm_buffer *buffer);
/* Copies a buffer that is a copy back to the caller's memory; does nothing for
 * others. Synchronize first, with the streams that write it.
 * Errors: TM_E_ARGUMENT (NULL, the memory is read-only).
 * Threads: one per buffer. Since: 0.1 */
TM_API tm_status tm_buffer_write_back(tm_buffer *buffer, tm_error **error);
/* The first byte for the host; NULL for NULL. The host must not touch it
 * between a launch that uses it and the synchronize that follows. Borrowed
 * from the buffer.
 * Threads: any. Since: 0.1 */
TM_API void *tm_buffer_contents(const tm_buffer *buffer);
/* Where kernels see the buffer's first byte, for kernels that load pointers
 * from memory: write such addresses into a buffer of i64, and let the kernel
 * make pointers of them (.to(tl.pointer_type(...))). Host addresses will not
 * do. From now on, until it is destroyed, every launch of a kernel that makes
 * pointers of numbers uses the buffer for reading and writing. Launches of one
 * stream are in order; nothing checks what such a kernel reaches.
 * Errors: TM_E_ARGUMENT (NULL), TM_E_UNSUPPORTED (before macOS 13),
 * TM_E_MEMORY.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_buffer_gpu_address(tm_buffer *buffer, uint64_t *address,
                                       tm_error **error);
/* Bytes; 0 for NULL.
 * Threads: any. Since: 0.1 */
TM_API uint64_t tm_buffer_size(const tm_buffer *buffer);
/* The id<MTLBuffer> behind the buffer; its offset in it goes to *offset when
 * that is not NULL. Borrowed from the buffer.
 * Threads: any. Since: 0.1 */
TM_API void *tm_buffer_metal(const tm_buffer *buffer, uint64_t *offset);
/* Gives up the buffer; NULL is fine. Work in flight keeps its memory.
 * Threads: one per buffer. Since: 0.1 */
TM_API void tm_buffer_destroy(tm_buffer *buffer);

/* Tensors of other libraries by DLPack (dlpack.h declares these structures):
 * what is in memory of the CPU is wrapped, what is in an MTLBuffer imported,
 * and nothing is copied unless tm_buffer_is_copy says so. */
struct DLManagedTensor;
struct DLManagedTensorVersioned;

/* Makes a buffer of the memory that a tensor's elements are in, and of *tensor
 * (may be NULL) the argument for its first element, with its element type.
 * Shape and strides are in the structure, which lives as long as the buffer.
 * On success the tensor is the library's: its deleter is called once, when the
 * buffer is destroyed and the work on it is done, from any thread that is in
 * a call of this library or of a deleter, which holds no lock then. On failure
 * it stays the caller's. The buffer is the caller's.
 * Errors: TM_E_ARGUMENT (NULL, no elements, impossible strides),
 * TM_E_UNSUPPORTED (another device than CPU and Metal, elements that kernels
 * cannot load), and those of tm_buffer_wrap or tm_buffer_import.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_buffer_from_dlpack(tm_buffer **buffer, tm_arg *tensor,
                                       tm_context *context,
                                       struct DLManagedTensor *managed,
                                       tm_error **error);
/* The same of the structure of DLPack 1.x. A tensor that is marked read-only
 * is refused by launches of kernels that write it.
 * Errors: those of tm_buffer_from_dlpack; TM_E_UNSUPPORTED (another major
 * version).
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_buffer_from_dlpack_versioned(
    tm_buffer **buffer, tm_arg *tensor, tm_context *context,
    struct DLManagedTensorVersioned *managed, tm_error **error);

/* A tensor in a buffer, as others are told of it. */
typedef struct tm_tensor {
  size_t struct_size;     /* set by TM_TENSOR_INIT */
  tm_buffer *buffer;
  uint64_t offset;        /* bytes to the first element */
  uint32_t dtype;         /* tm_dtype of the elements */
  uint32_t rank;          /* dimensions; 0: one element */
  const int64_t *shape;   /* elements in each; copied */
  const int64_t *strides; /* elements from one index to the next; copied.
                             NULL: row-major without gaps */
  uint32_t as_metal;      /* not 0: as an id<MTLBuffer> with an offset, for
                             who uses Metal; 0: as memory of the CPU */
} tm_tensor;
#define TM_TENSOR_INIT { sizeof(tm_tensor), NULL, 0, 0, 0, NULL, NULL, 0 }

/* Makes a DLPack structure of a tensor without copying it. It keeps the
 * buffer, and is given up by its own deleter, from any thread. Synchronize
 * first, with the streams that write it: DLPack knows no streams of ours.
 * Errors: TM_E_ARGUMENT (NULL, not within the buffer, no element type),
 * TM_E_UNSUPPORTED (private storage as CPU memory; a read-only buffer, which
 * only the versioned structure can say), TM_E_MEMORY.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_buffer_to_dlpack(struct DLManagedTensor **managed,
                                     const tm_tensor *tensor,
                                     tm_error **error);
/* The same as the structure of DLPack 1.x, with its flag for read-only
 * buffers.
 * Errors: those of tm_buffer_to_dlpack but for read-only buffers.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_buffer_to_dlpack_versioned(
    struct DLManagedTensorVersioned **managed, const tm_tensor *tensor,
    tm_error **error);

typedef struct tm_memory_facts {
  size_t struct_size;
  uint64_t used;           /* bytes of live buffers, as rounded to classes */
  uint64_t used_peak;      /* the most that `used` has been */
  uint64_t pooled;         /* bytes kept for reuse */
  uint64_t wrapped;        /* bytes of the caller's memory, and imported */
  uint64_t buffers;        /* live buffers of every kind */
  uint64_t requests;       /* tm_buffer_create calls that succeeded */
  uint64_t reuses;         /* of these, served from the pool */
  uint64_t device_limit;   /* recommendedMaxWorkingSetSize; 0: no device yet */
  uint64_t pooled_blocks;  /* how many pieces of memory `pooled` is */
  uint64_t copies;         /* bytes of live buffers that are copies of memory
                              that could not be wrapped; in `used` too */
} tm_memory_facts;
#define TM_MEMORY_FACTS_INIT \
  { sizeof(tm_memory_facts), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/* Fills facts with the context's use of GPU memory.
 * Errors: TM_E_ARGUMENT.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_memory_info(tm_context *context, tm_memory_facts *facts,
                                tm_error **error);
/* Returns the memory kept for reuse to the system.
 * Threads: any. Since: 0.1 */
TM_API void tm_memory_trim(tm_context *context);
/* Returns memory kept for reuse, the largest pieces first, until at most keep
 * bytes are kept; NULL is fine.
 * Threads: any. Since: 0.1 */
TM_API void tm_memory_trim_to(tm_context *context, uint64_t keep);
/* Starts used_peak again, at what is used now; NULL is fine.
 * Threads: any. Since: 0.1 */
TM_API void tm_memory_reset_peak(tm_context *context);

/* ---- streams ---------------------------------------------------------- */

/* Launches in order: each sees what the ones before it on the same stream
 * wrote. Launches that share no buffer, or only read what they share, may run
 * at the same time. Streams are independent of each other; events order them.
 *
 * Launches are gathered and handed to the GPU together: when there are enough
 * of them, when they use enough memory, at the next call on the stream when
 * the oldest has waited for long, and by every call that waits or asks for an
 * end (tm_stream_flush, tm_stream_synchronize, tm_stream_on_done,
 * tm_event_record). */
typedef struct tm_stream tm_stream;

#define TM_WAIT_FOREVER UINT64_MAX

typedef struct tm_stream_options {
  size_t struct_size;    /* set by TM_STREAM_OPTIONS_INIT */
  uint32_t batch;        /* launches handed to the GPU at a time; 0: 40. More
                            wait for fewer submissions */
  uint64_t stall_ms;     /* how long a launch may wait when too much is in
                            flight before it fails; 0: 60000 */
  void *queue;           /* an id<MTLCommandQueue> of the context's device to
                            submit to, which is retained; NULL: the stream's
                            own. Only the stream's own launches are ordered
                            with each other. Eight command buffers are in
                            flight at most; a queue that the host has filled
                            up makes a launch wait without a deadline */
  uint64_t batch_bytes;  /* hand over when the buffers of what was launched
                            have so many bytes; 0: 64 MiB */
  uint32_t batch_us;     /* hand over, at the next call, what was launched so
                            many microseconds ago; 0: 1000 */
  tm_switch concurrent;  /* off: launches never overlap. Default on */
} tm_stream_options;
#define TM_STREAM_OPTIONS_INIT \
  { sizeof(tm_stream_options), 0, 0, NULL, 0, 0, TM_SWITCH_DEFAULT }

/* Makes a stream on the context's device. The stream is the caller's.
 * Errors: TM_E_ARGUMENT, TM_E_MEMORY, TM_E_NO_DEVICE, TM_E_MISSING_LIBRARY.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_stream_create(tm_stream **stream, tm_context *context,
                                  const tm_stream_options *options,
                                  tm_error **error);
/* Hands what was launched to the GPU now.
 * Errors: TM_E_ARGUMENT, TM_E_DEVICE, TM_E_MEMORY.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_stream_flush(tm_stream *stream, tm_error **error);
/* Waits until all that was launched is done, at most timeout_ms milliseconds
 * (0: only looks; TM_WAIT_FOREVER). After TM_E_TIMEOUT the work goes on and
 * may be waited for again. After TM_E_DEVICE the stream is usable, but what
 * the failed launches should have written is undefined.
 * Errors: TM_E_ARGUMENT, TM_E_TIMEOUT, TM_E_DEVICE with Metal's text.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_stream_synchronize(tm_stream *stream, uint64_t timeout_ms,
                                       tm_error **error);
/* Takes what kernels have printed with tl.device_print and nobody has taken
 * yet: lines such as "pid (0, 0, 0) idx (3) x: 0.500000", of launches that
 * have ended when a call on the stream looked. Copies at most size bytes to
 * out, without a zero, and returns how many; out NULL: how many there are. A
 * launch keeps up to 65,536 values, a stream 8 MiB of text; a line says how
 * much was lost. A false tl.device_assert is TM_E_DEVICE of the next call.
 * Threads: any. Since: 0.1 */
TM_API size_t tm_stream_read_printed(tm_stream *stream, char *out,
                                     size_t size);
/* Waits for the stream's work, at most stall_ms, and gives the stream up;
 * NULL is fine. Errors of work that nobody synchronized with are lost.
 * Threads: one per stream. Since: 0.1 */
TM_API void tm_stream_destroy(tm_stream *stream);

/* status: TM_OK, or TM_E_DEVICE with the message, which is borrowed for the
 * call; NULL: none, or no memory for it. */
typedef void tm_done(void *payload, tm_status status, const char *message);
/* Hands over what was launched, and calls done once, when all that was
 * launched on the stream so far has ended or failed: on a thread of Metal's,
 * with a small stack, perhaps before this returns. Calls of one stream come one
 * after another, in the order in which they were asked for, without a further
 * call on the stream and even when it is destroyed meanwhile. done may launch;
 * it must not wait for work, which may wait for done. Its status tells of GPU
 * errors; the stream's next call reports them as well, and false
 * device_asserts only it. After an error of this function done is not called.
 * Errors: TM_E_ARGUMENT (NULL, it records a graph), TM_E_MEMORY, TM_E_DEVICE and
 * TM_E_TIMEOUT of earlier launches.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_stream_on_done(tm_stream *stream, tm_done *done,
                                   void *payload, tm_error **error);

/* What a stream has done since it was made. */
typedef struct tm_stream_facts {
  size_t struct_size;
  uint64_t launches;  /* handed over, or in the open batch */
  uint64_t barriers;  /* of these, launches that had to wait for others that
                         were handed over with them */
  uint64_t batches;   /* command buffers handed to the GPU, because of */
  uint64_t by_count, by_bytes, by_time; /* batch, batch_bytes, batch_us, */
  uint64_t by_call;   /* or a call */
  uint64_t in_flight; /* batches that have not ended */
  uint64_t open;      /* launches that are not handed over yet */
} tm_stream_facts;
#define TM_STREAM_FACTS_INIT \
  { sizeof(tm_stream_facts), 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/* Fills facts, whose struct_size the caller has set.
 * Errors: TM_E_ARGUMENT.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_stream_info(tm_stream *stream, tm_stream_facts *facts,
                                tm_error **error);

/* ---- events ----------------------------------------------------------- */

/* A point in the work of a stream: all that had been launched on it. Other
 * streams, and the host, can wait for it. */
typedef struct tm_event tm_event;

/* Makes an event that was not recorded yet. The event is the caller's.
 * Errors: TM_E_ARGUMENT, TM_E_MEMORY, TM_E_NO_DEVICE, TM_E_MISSING_LIBRARY.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_event_create(tm_event **event, tm_context *context,
                                 tm_error **error);
/* Lets the event be the end of all that was launched on stream so far, which is
 * handed over. It happens when that has ended or failed. An event may be
 * recorded again, also before it has happened and on another stream; waits that
 * were asked for before keep to what they were asked for.
 * Errors: TM_E_ARGUMENT (NULL, another context, the stream records a graph),
 * TM_E_MEMORY, TM_E_DEVICE and
 * TM_E_TIMEOUT of earlier launches.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_event_record(tm_event *event, tm_stream *stream,
                                 tm_error **error);
/* Has later launches on stream wait, on the GPU, until the event as last
 * recorded has happened; returns at once. One that was never recorded, or is
 * stream's own, is not waited for. After a failure the wait ends too: the
 * stream that failed reports it, and tm_event_synchronize does.
 * Errors: TM_E_ARGUMENT (NULL, another context, the stream records a graph),
 * TM_E_MEMORY, TM_E_DEVICE and
 * TM_E_TIMEOUT of earlier launches on stream.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_stream_wait_event(tm_stream *stream, tm_event *event,
                                      tm_error **error);
/* Waits until the event as last recorded has happened, at most timeout_ms
 * milliseconds (0: only looks; TM_WAIT_FOREVER). One that was never recorded
 * is not waited for.
 * Errors: TM_E_ARGUMENT, TM_E_TIMEOUT, TM_E_DEVICE with kernels and Metal's
 * text, each time, TM_E_MEMORY.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_event_synchronize(tm_event *event, uint64_t timeout_ms,
                                      tm_error **error);
/* The GPU's time between two events that have happened, in seconds: from the
 * end of what was recorded first to the end of what was recorded last, waiting
 * included. Negative when to happened before from.
 * Errors: TM_E_ARGUMENT (NULL, never recorded), TM_E_TIMEOUT (not happened
 * yet), TM_E_DEVICE, TM_E_MEMORY.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_event_elapsed(double *seconds, tm_event *from,
                                  tm_event *to, tm_error **error);
/* Gives up the event; NULL is fine. Waits for it go on.
 * Threads: one per event. Since: 0.1 */
TM_API void tm_event_destroy(tm_event *event);

/* ---- launches --------------------------------------------------------- */

/* How many programs (threadgroups) run, in each direction. */
typedef struct tm_grid {
  uint32_t x, y, z;
} tm_grid;
static inline tm_grid tm_grid_3d(uint32_t x, uint32_t y, uint32_t z) {
  tm_grid grid;
  grid.x = x;
  grid.y = y;
  grid.z = z;
  return grid;
}
static inline tm_grid tm_grid_1d(uint32_t x) { return tm_grid_3d(x, 1, 1); }

/* Launches kernel with one element of args for each of its run-time arguments
 * (tm_kernel_info), and returns when that is queued. A descriptor or a tuple
 * stands for the arguments that it has there. Buffers and the kernel
 * are kept until it is done. A number must fit its argument's type; one that
 * was promised divisible must be. Buffers may share memory, in place or as
 * parts of one: the first such launch compiles the kernel once more, since
 * Metal's compiler otherwise relies on their being apart.
 * Errors: TM_E_ARGUMENT (count, kinds, ranges, broken promises, another
 * context's objects, an empty grid), TM_E_LIMIT (a grid of 2^32 threads or
 * more in a direction), what tm_kernel_load gives on the first launch, and
 * TM_E_DEVICE, TM_E_TIMEOUT of earlier launches.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_launch(tm_stream *stream, tm_kernel *kernel, tm_grid grid,
                           const tm_arg *args, size_t n_args,
                           tm_error **error);

/* Where a host wants a launch encoded. */
typedef enum tm_target_kind {
  TM_TARGET_ENCODER = 1,       /* an id<MTLComputeCommandEncoder>, open */
  TM_TARGET_COMMAND_BUFFER = 2 /* an id<MTLCommandBuffer> that is not committed
                                  and has no open encoder */
} tm_target_kind;

typedef struct tm_target {
  size_t struct_size;   /* set by TM_TARGET_INIT */
  uint32_t kind;        /* tm_target_kind */
  void *object;
  void *command_buffer; /* ENCODER: the encoder's id<MTLCommandBuffer>: what the
                           launch uses is kept until that has ended. NULL: the
                           caller keeps the kernel and the buffers so long */
} tm_target;
#define TM_TARGET_INIT { sizeof(tm_target), 0, NULL, NULL }

/* Encodes the launch that tm_launch would make into the host's own encoder or
 * command buffer, and commits nothing. Errors on the GPU are the host's to see.
 *
 * Afterwards an encoder is open and has another compute pipeline, and other
 * buffers or bytes at the indices 0 to bindings - 1 (tm_kernel_info); the rest
 * is as it was. In a serial encoder the launch is ordered with the host's
 * dispatches. In a concurrent one nothing is: the host sends barriers, as for
 * dispatches of its own. In a command buffer the launch gets a serial encoder
 * of its own, which is ended; Metal orders it with others by the buffers that
 * it tracks.
 *
 * The command buffer gets a completed handler, also when it retains what is
 * bound: the buffers' memory is the pool's. Kernels that print or assert are
 * refused, since a stream reads what they have to say.
 * Errors: those of tm_launch but for what earlier launches did, TM_E_ARGUMENT
 * (not such objects, of another device, committed, another encoder open),
 * TM_E_UNSUPPORTED (device_print, device_assert).
 * Threads: one per encoder and command buffer, as Metal has it. Since: 0.1 */
TM_API tm_status tm_launch_into(const tm_target *target, tm_kernel *kernel,
                                tm_grid grid, const tm_arg *args,
                                size_t n_args, tm_error **error);

/* What a launch will do, and how long it takes at least: a roofline of the
 * chip that the kernel was compiled for. Rates are those that good kernels
 * reach (80% of the bandwidth, 75% of the products' peak); caches are not
 * modelled, so that a kernel that reads things again may be faster. It ranks
 * choices; it is no measurement. */
typedef struct tm_estimate {
  size_t struct_size;       /* set by TM_ESTIMATE_INIT */
  double bytes_read;        /* device memory, of all programs together; what */
  double bytes_written;     /* threads hold copies of counts once */
  double bytes_asked;       /* read and written, as threads ask for them */
  double flops;             /* a multiply-add is 2 */
  double matrix_flops;      /* those of them in matrix products */
  double threadgroup_bytes; /* written to and read from threadgroup memory */
  uint32_t registers;       /* 32-bit, a thread, roughly */
  uint32_t is_exact;        /* 0: loops or masks depend on data; they were
                               taken to run once, and to be true */
  double memory_seconds, arithmetic_seconds; /* of each alone */
  double matrix_seconds, threadgroup_seconds;
  double seconds;           /* the longest of them */
  const char *bound;        /* which: "memory bandwidth", ... ; static */
  uint32_t threadgroups_per_core; /* that a GPU core holds at once, by the
                               registers, threadgroup memory and threads of one.
                               0: from M3 on a core divides one memory among
                               them while it runs */
  const char *occupancy_limit; /* what there is no more of: "registers",
                               "threadgroup memory", "threads"; static */
} tm_estimate;
#define TM_ESTIMATE_INIT \
  { sizeof(tm_estimate), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, 0, NULL }

/* Estimates the launch that tm_launch would make; of args only the integers
 * are looked at, so buffers may be tm_arg_none(). Needs no device. Compiles
 * the kernel again, some milliseconds.
 * Errors: TM_E_ARGUMENT (NULL, an empty grid, another number of arguments),
 * TM_E_MEMORY.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_kernel_estimate(tm_estimate *estimate, tm_kernel *kernel,
                                    tm_grid grid, const tm_arg *args,
                                    size_t n_args, tm_error **error);

/* ---- graphs ----------------------------------------------------------- */

/* A sequence of launches that was recorded once and is launched many times.
 * Everything that a launch must find out (checks, variants, what differs from
 * the launch before, which buffers it keeps alive) is found out when recording
 * ends, so that a replay only sends the messages that remain. Buffers and
 * numbers may be replaced between replays.
 *
 *     tm_graph_begin(stream, NULL, &error);
 *     tm_launch(stream, ...); tm_function_launch(stream, ...); ...
 *     tm_graph_end(&graph, stream, &error);
 *     for (;;) {
 *       tm_graph_replace_buffer(graph, old, new, &error);
 *       tm_graph_launch(stream, graph, &error);
 *     }
 *
 * Neighbours in the sequence become one kernel where that is proven to change
 * nothing: the second reads exactly what the same program of the first has
 * stored, at the same addresses and under masks that the store's covers, and
 * no other program of either touches it. What was stored is then passed in
 * registers. tm_graph_report says for each pair what was done, and why not.
 * Numbers that the proof rests on (equal sizes, say) may still be changed;
 * then the next launch proves and, where needed, compiles again. */
typedef struct tm_graph tm_graph;

typedef struct tm_graph_options {
  size_t struct_size; /* set by TM_GRAPH_OPTIONS_INIT */
  tm_switch fuse;     /* off: every launch stays a kernel of its own. On by
                         default */
  tm_buffer *const *temporaries; /* buffers whose contents nobody needs when a
                         replay has ended: not the host, no other launch, not
                         the next replay. Where every read of one was fused it
                         is not written at all */
  size_t n_temporaries;
} tm_graph_options;
#define TM_GRAPH_OPTIONS_INIT \
  { sizeof(tm_graph_options), TM_SWITCH_DEFAULT, NULL, 0 }

/* From now on what is launched on stream, by any thread, is recorded and does
 * not run. Arguments are checked as for a launch, kernels are compiled and
 * loaded, autotuners measure. What was launched before is not touched, and
 * what is no launch (events, waits, synchronizing) is not recorded: it acts at
 * once. Temporaries are kept alive.
 * Errors: TM_E_ARGUMENT (the stream records already, buffers that are NULL or
 * another context's), TM_E_MEMORY.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_graph_begin(tm_stream *stream,
                                const tm_graph_options *options,
                                tm_error **error);
/* Ends the recording: fuses, and makes ready to replay. The graph is the
 * caller's; it keeps its kernels and buffers alive. When it fails, the
 * recording is lost.
 * Errors: TM_E_ARGUMENT (the stream does not record), TM_E_MEMORY, what
 * compiling gives for launches whose buffers share memory.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_graph_end(tm_graph **graph, tm_stream *stream,
                              tm_error **error);
/* How many launches were recorded; 0 for NULL.
 * Threads: any. Since: 0.1 */
TM_API size_t tm_graph_nodes(const tm_graph *graph);
/* How many dispatches a replay makes: fewer than nodes where some were fused;
 * 0 for NULL.
 * Threads: any. Since: 0.1 */
TM_API size_t tm_graph_dispatches(tm_graph *graph);
/* Puts new_buffer in old_buffer's place in every argument, and in the list of
 * temporaries. Offsets stay. When it fails the graph is as it was. Both must be
 * alive: replace a buffer, then destroy it.
 * Errors: TM_E_ARGUMENT (no argument has old_buffer; a check of a launch fails
 * for new_buffer, with the kernel's name), TM_E_MEMORY.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_graph_replace_buffer(tm_graph *graph,
                                         tm_buffer *old_buffer,
                                         tm_buffer *new_buffer,
                                         tm_error **error);
/* Gives run-time argument number arg (as tm_kernel_info counts) of launch
 * number node, both from 0, another value. It must suit the variant that was
 * recorded: one that was specialised for a multiple of 16 takes no other.
 * Errors: TM_E_ARGUMENT (no such node or argument; a check of a launch fails,
 * with the kernel's name), TM_E_MEMORY.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_graph_set_arg(tm_graph *graph, size_t node, size_t arg,
                                  tm_arg value, tm_error **error);
/* Launches what was recorded, in its order, with the buffers and numbers that
 * it has now; asynchronous as tm_launch is, and with all that tm_launch
 * promises. The stream may be another one of the same context.
 * Errors: TM_E_ARGUMENT (another context's stream, one that records),
 * TM_E_MEMORY; TM_E_DEVICE, TM_E_TIMEOUT of earlier launches.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_graph_launch(tm_stream *stream, tm_graph *graph,
                                 tm_error **error);
/* What was fused and what was not and why, a line for each two neighbours;
 * "" for NULL. Borrowed until the next call on the graph.
 * Threads: one per graph. Since: 0.1 */
TM_API const char *tm_graph_report(tm_graph *graph);
/* Gives up the graph; NULL is fine. Replays that are under way go on.
 * Threads: one per graph. Since: 0.1 */
TM_API void tm_graph_destroy(tm_graph *graph);

/* ---- functions that specialise themselves ----------------------------- */

/* A kernel with all its variants. As Triton's launcher does, each launch
 * picks one by the types of its arguments, by whether pointers and integers
 * are multiples of 16, by which integers are 1, and by its compile-time
 * values, in tuples as well; by a descriptor's element type, block and
 * options; a new combination is compiled. Parameters that the kernel's
 * decorator lists in do_not_specialize are looked at by type only.
 *
 * Tuning. A kernel with several configurations, of @triton.autotune or of the
 * options, is tuned as Triton does it: the first launch with new values of the
 * key's arguments, or new element types of its buffers, runs the kernel with
 * each configuration, several times, on the launch's own buffers, and takes
 * the one whose median time on the GPU is least, now and later. What the
 * kernel writes is saved before that and put back after, so that it leaves the
 * memory that one launch of the winner leaves; buffers that it reads and
 * writes, and those of restore_value, are put back before each run, those of
 * reset_to_zero are zeroed before each. Meanwhile nothing else may use the
 * buffers that it writes, in whole, and the launch waits for the stream's
 * earlier work, at most stall_ms: it must not be made by a tm_done.
 * Configurations that are over a limit, that the chip or Metal does not take,
 * or that fail on the GPU are passed over and reported by tm_function_tuning.
 * Results are kept in the cache for the chip, the key, the kernel's text and
 * the configurations, so that the next process measures nothing. A thread that
 * needs a key that another is tuning waits for it.
 *
 * A configuration that sets other values often needs another grid: give
 * tm_launch_options.grid_of. With a grid that is just a number, only
 * configurations with the values of the first that can run are measured.
 *
 * Nothing is measured, and the model's first choice taken (the roofline of
 * tm_kernel_estimate), when the context's auto_tuning is off, while the stream
 * records a graph, for launches into a host's encoder, and for kernels that
 * print, assert, or reach buffers by address, or write buffers in private
 * storage or of more than 1 GiB together: tm_function_tuning tells why. */
typedef struct tm_function tm_function;

/* One configuration, as triton.Config. */
typedef struct tm_config {
  const tm_define *defines; /* compile-time values that it sets */
  size_t n_defines;
  uint32_t num_warps, num_stages; /* 0: the function's */
} tm_config;

typedef struct tm_function_options {
  size_t struct_size;       /* set by TM_FUNCTION_OPTIONS_INIT */
  const tm_define *defines; /* values by name, for launches that do not say */
  size_t n_defines;
  uint32_t num_warps, num_stages; /* as in tm_compile_options */
  const tm_config *configs; /* instead of the decorator's, and of its pruning;
                               copied */
  size_t n_configs;
  const char *const *key;   /* names of arguments whose values need a tuning
                               of their own; NULL: the decorator's. Copied, as
                               are the next two */
  size_t n_key;
  const char *const *reset_to_zero; /* buffers; NULL: the decorator's */
  size_t n_reset_to_zero;
  const char *const *restore_value; /* buffers; NULL: the decorator's */
  size_t n_restore_value;
  uint32_t warmup;          /* runs of a configuration before its times count;
                               0: 2 */
  uint32_t repetitions;     /* timed runs of each; 0: 3 to 25, as many as take
                               50 ms. One whose first three all take more than
                               twice the best's median gets no more */
  size_t (*prune)(void *payload, const tm_config *configs, size_t n,
                  const tm_define *args, size_t n_args, uint32_t *keep);
                            /* instead of the decorator's early_config_prune:
                               stores the indices of configurations to try, at
                               most n, in keep, and returns how many, at least
                               one. args are those of the launch by name. It
                               must not use the function. NULL: none */
  void *payload;            /* given to prune */
  uint32_t model_keep;      /* measure at most so many, those that the model
                               ranks first; 0: as the decorator's top_k says,
                               else all */
  tm_switch background;     /* on: while a new variant is compiled on another
                               thread, launch one that was promised less (no
                               multiples of 16), which is compiled at once when
                               there is none. Default off */
  const char *const *tiles; /* names of at most 4 compile-time parameters that
                               only say how work is divided, such as BLOCK_M,
                               BLOCK_N, BLOCK_K of a product, in that order:
                               configurations are proposed for them, powers of
                               two from what suits most kernels outwards, with
                               num_warps by the compiler, instead of configs
                               and the decorator's. No result may depend on
                               them: the BLOCK of a softmax that has to cover a
                               row is none. 8 are measured unless model_keep
                               says otherwise. Launches need grid_of. Copied */
  size_t n_tiles;
} tm_function_options;
#define TM_FUNCTION_OPTIONS_INIT                                             \
  { sizeof(tm_function_options), NULL, 0, 0, 0, NULL, 0, NULL, 0, NULL, 0,  \
    NULL, 0, 0, 0, NULL, NULL, 0, TM_SWITCH_DEFAULT, NULL, 0 }

typedef struct tm_launch_options {
  size_t struct_size;     /* set by TM_LAUNCH_OPTIONS_INIT */
  const tm_define *named; /* arguments by name, as Python's keywords */
  size_t n_named;
  uint32_t num_warps, num_stages; /* 0: the function's */
  const tm_target *into;  /* encode there, as tm_launch_into does; the stream is
                             not used and may be NULL. NULL: the stream */
  void (*grid_of)(void *payload, const tm_define *values, size_t n,
                  tm_grid *grid);
                          /* stores the grid for these values: those of all
                             parameters that were given, or set by a
                             configuration or by heuristics, by name; as
                             Triton's grid of META. *grid holds the call's. It
                             must not use the function. NULL: the call's grid */
  void *payload;          /* given to grid_of */
} tm_launch_options;
#define TM_LAUNCH_OPTIONS_INIT \
  { sizeof(tm_launch_options), NULL, 0, 0, 0, NULL, NULL, NULL }

/* The value of name among values, which must be an integer there; else
 * absent. For grid_of and prune. */
static inline int64_t tm_define_int(const tm_define *values, size_t n,
                                    const char *name, int64_t absent) {
  size_t i;
  for (i = 0; i < n; i++)
    if (values[i].value.tag == TM_GIVE_INT && !strcmp(values[i].name, name))
      return values[i].value.u.i;
  return absent;
}

/* Makes a function of the kernel of that name. The function is the caller's.
 * Errors: TM_E_ARGUMENT (names that are no parameters, values that are no
 * compile-time values, configs and tiles), TM_E_LIMIT (too many of either),
 * TM_E_NOT_FOUND, TM_E_MEMORY.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_function_create(tm_function **function,
                                    tm_context *context,
                                    const tm_module *module, const char *name,
                                    const tm_function_options *options,
                                    tm_error **error);
/* Launches the variant for these arguments. args go to the parameters in
 * order, constexprs among them; the rest come by name, from the function's
 * defines, from a configuration, from heuristics, or from defaults. Buffers
 * need a dtype (tm_arg_tensor). Threads that need the same new variant wait
 * for one compile. A launch with a new tuning key measures first, see above.
 * Errors: those of tm_compile and tm_launch.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_function_launch(tm_stream *stream, tm_function *function,
                                    tm_grid grid, const tm_arg *args,
                                    size_t n_args,
                                    const tm_launch_options *options,
                                    tm_error **error);
/* The variant that tm_function_launch would take, compiled but not launched;
 * options may be NULL. Before a key is tuned that is the first configuration
 * that can be compiled, unless the cache has a result. The kernel is the
 * caller's.
 * Errors: those of tm_compile.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_function_kernel(tm_kernel **kernel, tm_function *function,
                                    const tm_arg *args, size_t n_args,
                                    const tm_launch_options *options,
                                    tm_error **error);
/* Compiles and loads what launches with these arguments may need, and launches
 * nothing: the variant, or those of all configurations that pruning leaves, of
 * which one must do. options may be NULL.
 * Errors: those of tm_compile and tm_kernel_load.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_function_warmup(tm_function *function, const tm_arg *args,
                                    size_t n_args,
                                    const tm_launch_options *options,
                                    tm_error **error);

/* One configuration under one key. */
typedef struct tm_tuning_row {
  size_t struct_size;
  const char *key;      /* "n=4096, x: *fp32": the values and types it is for */
  const char *config;   /* "BLOCK=128, num_warps=4" */
  double seconds;       /* median on the GPU; 0: not measured */
  double predicted;     /* by the model, tm_kernel_estimate with registers and
                           what overlaps; seconds, to rank by; 0: not asked */
  uint32_t chosen;      /* not 0: launches take it */
  const char *failure;  /* why it was passed over or not measured; NULL */
} tm_tuning_row;

/* Calls row for every configuration of every key that was tuned or looked up
 * in the cache, key by key, until it returns 0. What it gets is borrowed until
 * the function is destroyed.
 * Errors: TM_E_ARGUMENT, TM_E_MEMORY.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_function_tuning(tm_function *function,
                                    int (*row)(void *payload,
                                               const tm_tuning_row *row),
                                    void *payload, tm_error **error);
/* How many variants there are.
 * Threads: any. Since: 0.1 */
TM_API size_t tm_function_variants(const tm_function *function);
/* Gives up the function; NULL is fine.
 * Threads: one per function. Since: 0.1 */
TM_API void tm_function_destroy(tm_function *function);

/* ---- the profiler ----------------------------------------------------- */

/*
 * Between start and stop every launch of the context's streams is recorded,
 * every compile and every pipeline. The GPU's times are measured, launch by
 * launch, never shared out: each launch gets an encoder of its own, in the
 * command buffer that it would be in anyway, and the GPU stamps where the
 * encoder begins and ends. What this changes: launches of a stream do not run
 * at the same time, and the GPU spends a moment between encoders. On
 * a device without such stamps (virtual machines), or when asked for, each
 * launch has a command buffer of its own instead, which costs a submission a
 * launch. Launches into an encoder of the host's are not seen, nor are those
 * with which functions measure their configurations; a graph's are, one by
 * one.
 *
 * Bytes and operations are counted as tm_kernel_estimate counts them, when
 * the profile is read and not while launching; times are the GPU's. On
 * softmetal the GPU is this machine's processor, so that rates compare
 * kernels with each other, and the roofline is that of the chip it plays.
 */
typedef struct tm_profile tm_profile;

/* How the GPU's time of a launch is taken. */
typedef enum tm_timing {
  TM_TIMING_DEFAULT = 0,        /* encoders if the device stamps them */
  TM_TIMING_COMMAND_BUFFERS = 1 /* a command buffer for each launch */
} tm_timing;

typedef struct tm_profile_options {
  size_t struct_size;   /* set by TM_PROFILE_OPTIONS_INIT */
  uint64_t most_events; /* launches that are timed and traced, 56 bytes each;
                           those after it are only counted. 0: 262144 */
  uint32_t timing;      /* tm_timing */
} tm_profile_options;
#define TM_PROFILE_OPTIONS_INIT { sizeof(tm_profile_options), 0, 0 }

/* A kernel with one specialization. Times are in seconds; 0 where nothing is
 * known. */
typedef struct tm_profile_row {
  size_t struct_size;         /* set by TM_PROFILE_ROW_INIT */
  const char *kernel;         /* its name */
  const char *specialization; /* "x=*fp32:16, n=i32, BLOCK=1024, num_warps=4,
                                 num_stages=3" */
  uint64_t launches;
  uint64_t compiles;          /* compiled anew */
  uint64_t cache_hits;        /* found in the cache instead */
  double compile_seconds;     /* of both together */
  double gpu_total, gpu_min;  /* of the launches that are timed */
  double gpu_median, gpu_p95; /* the middle one, or the mean of the middle
                                 two; the least that 95% do not exceed */
  double queue_wait;          /* mean, from the launch to the GPU's beginning */
  double bytes_per_second;    /* device memory, read and written */
  double flops_per_second;
  double of_roofline;         /* the least time, by tm_kernel_estimate, of what
                                 the GPU's time; 1 is as fast as can be */
  const char *bound;          /* what bounds most of it; NULL: not known */
  uint64_t timed;             /* launches with a GPU time: not those that
                                 failed, or that no call has seen end */
  double pipeline_seconds;    /* Metal's part of compiling */
  double host_total;          /* of queueing the launches */
  uint32_t is_exact;          /* 0: bytes and operations depend on data, or are
                                 those of the 64 longest combinations of grid
                                 and integers only, as are the rates */
} tm_profile_row;
#define TM_PROFILE_ROW_INIT \
  { sizeof(tm_profile_row), NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
    NULL, 0, 0, 0, 0 }

/* Begins to record. options may be NULL. A recording that is not stopped
 * ends with tm_context_destroy.
 * Errors: TM_E_ARGUMENT (it is recording already), TM_E_MEMORY,
 * TM_E_NO_DEVICE, TM_E_MISSING_LIBRARY.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_profile_start(tm_context *context,
                                  const tm_profile_options *options,
                                  tm_error **error);
/* Ends the recording. Synchronize the streams before: a launch that is not
 * seen to have ended has no GPU time. The profile is the caller's; it outlives
 * the context.
 * Errors: TM_E_ARGUMENT (it is not recording), TM_E_MEMORY (recording has run
 * out of it, what there was is lost).
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_profile_stop(tm_profile **profile, tm_context *context,
                                 tm_error **error);
/* How many rows there are; 0 for NULL.
 * Threads: any. Since: 0.1 */
TM_API size_t tm_profile_count(const tm_profile *profile);
/* Fills row, whose struct_size the caller has set, with row number index from
 * 0; those that took the GPU longest come first. Counting bytes compiles the
 * kernel again, some milliseconds for each combination of grid and integers,
 * the first time that the row is asked for. Text is borrowed from the profile.
 * Errors: TM_E_ARGUMENT (NULL, no such row), TM_E_MEMORY.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_profile_row_at(tm_profile *profile, size_t index,
                                   tm_profile_row *row, tm_error **error);
/* All rows as a table to be shown to a person. NULL without memory. Borrowed
 * from the profile.
 * Threads: any. Since: 0.1 */
TM_API const char *tm_profile_text(tm_profile *profile);
/* All rows as a JSON object: "device", "chip", "timing", "seconds" and
 * "kernels", an array of objects with the names of tm_profile_row's fields.
 * NULL without memory. Borrowed from the profile.
 * Threads: any. Since: 0.1 */
TM_API const char *tm_profile_json(tm_profile *profile);
/* Every launch on a time line, as JSON in Chrome's trace format, which
 * ui.perfetto.dev and chrome://tracing open: what host threads did (compiles,
 * pipelines, launches), how long launches waited, what the GPU did for each
 * stream. NULL without memory. Borrowed from the profile.
 * Threads: any. Since: 0.1 */
TM_API const char *tm_profile_trace(tm_profile *profile);
/* Gives up the profile; NULL is fine.
 * Threads: one per profile. Since: 0.1 */
TM_API void tm_profile_destroy(tm_profile *profile);

/* ---- cache ------------------------------------------------------------ */

/*
 * Compiled kernels are kept in kernels.db, an SQLite database in the cache
 * folder that any number of processes share. It only ever saves time: a file
 * that is locked, read-only, full or damaged makes kernels compile again, and
 * a damaged one is set aside. It holds programs for the GPU, so the folder
 * must be as private as the user's own programs; it is made so.
 */
typedef struct tm_cache_facts {
  size_t struct_size;
  const char *path;          /* borrowed from the context; NULL: no cache */
  uint64_t hits, misses, stores; /* of this context */
  uint64_t failures;         /* misses and lost stores because of errors */
  uint64_t rows, bytes;      /* in the file; 0 if it cannot be read */
  uint32_t usable, writable; /* not 0: the file can be read, written */
  char trouble[160];         /* the first failure, in words; or "" */
} tm_cache_facts;

typedef struct tm_cache_entry {
  size_t struct_size;
  const char *kind;   /* "kernel" */
  const char *label;  /* the kernel's name and chip */
  char hash[33];      /* xxHash-128 of the key, in hexadecimal */
  uint64_t key_size, value_size; /* bytes */
  uint64_t uses;
  int64_t created, used; /* seconds since 1970 */
} tm_cache_entry;

/* Fills facts, whose struct_size the caller has set.
 * Errors: TM_E_ARGUMENT, TM_E_MEMORY.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_cache_stats(tm_context *context, tm_cache_facts *facts,
                                tm_error **error);
/* Calls entry for every row, last used first, until it returns 0. What it
 * gets is borrowed for the call, in which the cache must not be used.
 * Errors: TM_E_ARGUMENT, TM_E_IO (the file cannot be read to its end).
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_cache_list(tm_context *context,
                               int (*entry)(void *payload,
                                            const tm_cache_entry *row),
                               void *payload, tm_error **error);
/* Checks every row's checksum and deletes bad rows; counts both kinds.
 * Errors: TM_E_ARGUMENT, TM_E_IO (the file cannot be read), TM_E_MEMORY.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_cache_verify(tm_context *context, uint64_t *good,
                                 uint64_t *bad, tm_error **error);
/* Deletes every row.
 * Errors: TM_E_ARGUMENT, TM_E_IO (the file cannot be written), TM_E_MEMORY.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_cache_clear(tm_context *context, tm_error **error);
/* Deletes rows that were not used for so many seconds (0: all), and, when the
 * device is open, archives of other systems or builds; counts them in *deleted
 * (may be NULL).
 * Errors: TM_E_ARGUMENT, TM_E_IO (the file cannot be written), TM_E_MEMORY.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_cache_prune(tm_context *context, uint64_t unused_seconds,
                                uint64_t *deleted, tm_error **error);
/*
 * Packs. A kernel's key is its text, specialization, options, chip and the
 * compiler's own version; nothing of the machine that compiled it. So kernels
 * that were compiled for Apple's chips anywhere, on Linux too, can be shipped
 * in one file: on the user's Mac nothing is left to compile but Metal's part.
 *
 * Kernels of another version of the compiler are taken along and never found.
 * A pack is trusted as a program is: import only what you would run.
 */

/* Writes all kernels of the cache to a file at path, at once, replacing one
 * that is there; *kernels (may be NULL) is how many.
 * Errors: TM_E_ARGUMENT, TM_E_IO (the cache cannot be read, the file cannot
 * be written), TM_E_MEMORY.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_cache_export(tm_context *context, const char *path,
                                 uint64_t *kernels, tm_error **error);
/* Adds the kernels of the pack at path to the cache; *kernels (may be NULL)
 * is how many. The file is only read.
 * Errors: TM_E_ARGUMENT, TM_E_IO (no such file, no pack, damaged rows, which
 * are left out; the cache cannot be written), TM_E_MEMORY.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_cache_import(tm_context *context, const char *path,
                                 uint64_t *kernels, tm_error **error);

/* ---- the compatibility check ------------------------------------------ */

typedef struct tm_environment_facts {
  size_t struct_size;
  uint32_t has_device;        /* not 0: there is a device */
  uint32_t is_apple;          /* not 0: Apple's Metal; 0: softmetal */
  const char *device;         /* "Apple M3 Max"; NULL: none */
  const char *chip;           /* "m3-max"; NULL: none */
  uint32_t family;            /* Apple GPU family: 7 to 10; 0: none */
  uint32_t supports_metal3, supports_metal4;
  uint32_t max_threads;       /* of a threadgroup */
  uint32_t threadgroup_bytes; /* memory of a threadgroup */
  uint64_t max_buffer;        /* bytes of the largest buffer */
  uint64_t working_set;       /* bytes the device recommends to stay under */
  uint32_t language_version;  /* newest MSL: (major << 16) + minor; 0: none */
  const char *metal_library;  /* the file Metal came from; NULL: none */
  const char *cache_path;     /* NULL: none */
  const char *config_path;    /* the settings file; NULL: no home folder */
  const char *report;         /* all of it, and what is missing and how to
                                 get it, to be shown to a person */
  uint32_t generation;        /* of the chip: 1 (M1) to 5; 0: not known */
  const char *variant;        /* "base", "pro", "max", "ultra"; NULL */
  const char *architecture;   /* Metal's name, "applegpu_g15s"; NULL: before
                                 macOS 14 */
  uint32_t gpu_cores;         /* the most that the chip is sold with: Metal does
                                 not tell how many this one has; 0: not
                                 known */
  uint64_t memory;            /* of the machine, which host and GPU share,
                                 bytes; 0: not known */
  const char *macos;          /* "26.0.0", softmetal's is the one that it plays;
                                 NULL: not known */
  uint32_t metal;             /* 4, 3, 2; 0: none */
  uint32_t compiles;          /* not 0: kernels can be launched: Metal has the
                                 MSL that they need, and compiled one */
  const char *const *missing; /* what is missing, what for, and how to get it:
                                 a line each */
  size_t n_missing;
  const char *const *optimizations; /* what is done for this chip, a line
                                 each */
  size_t n_optimizations;
  const char *json;           /* all of it as a JSON object, with the names of
                                 these fields */
} tm_environment_facts;

/* Looks at the device, the libraries and the settings, and has Metal compile
 * a small kernel, once per context; fills facts, whose struct_size the caller
 * has set. A missing device is not an error here: the report says what to do.
 * Text is borrowed from the context.
 * Errors: TM_E_ARGUMENT, TM_E_MEMORY.
 * Threads: any. Since: 0.1 */
TM_API tm_status tm_environment(tm_context *context,
                                tm_environment_facts *facts, tm_error **error);
/* The name of chip number index, from 0, that kernels can be compiled for
 * ("m1", "m1-pro" ...); NULL past the last. Borrowed, lives for ever.
 * Threads: any. Since: 0.1 */
TM_API const char *tm_chip_name(size_t index);

#ifdef __cplusplus
}
#endif

#endif
