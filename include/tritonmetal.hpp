/* SPDX-License-Identifier: MIT */
/*
 * tritonmetal.hpp - a thin C++ layer over tritonmetal.h, from C++11 on.
 *
 * Each class owns one handle of the C ABI, is moved and not copied, and
 * gives it up when destroyed; get() borrows it for the C functions that have
 * no wrapper here. Threads, units and errors are as tritonmetal.h says.
 *
 *     tritonmetal::context gpu;
 *     tritonmetal::module ops("ops.py", text);
 *     tritonmetal::function add(gpu, ops, "add_kernel");
 *     tritonmetal::stream stream(gpu);
 *     tritonmetal::array<float> x(gpu, n), y(gpu, n), out(gpu, n);
 *     ... fill x and y: they are ranges of floats ...
 *     add.launch(stream, tm_grid_1d((n + 1023) / 1024), x, y, out, n,
 *                tritonmetal::keyword("BLOCK_SIZE", 1024));
 *     stream.synchronize();
 *
 * Failures, by choice. Constructors and plain members throw
 * tritonmetal::error with the text of the C error. For each there is a static
 * or member function whose name begins with try_, throws nothing, and returns
 * a result: true when it worked, else with a status and a text:
 *
 *     auto stream = tritonmetal::stream::try_create(gpu);
 *     if (!stream) return report(stream.status(), stream.text());
 *     stream->synchronize();
 *
 * Where exceptions are switched off (-fno-exceptions) only these exist.
 *
 * A launch allocates nothing here: arguments go to an array on the stack.
 * The classes add nothing to the library's rules for threads.
 */
#ifndef TRITONMETAL_HPP
#define TRITONMETAL_HPP

#include <tritonmetal.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>

#if defined(__cpp_exceptions) || defined(__EXCEPTIONS)
#define TRITONMETAL_EXCEPTIONS 1
#include <stdexcept>
#endif
#if defined(__has_include) && __cplusplus >= 202002L
#if __has_include(<span>)
#define TRITONMETAL_SPAN 1
#include <span>
#endif
#endif

namespace tritonmetal {

/* ---- failures ----------------------------------------------------------- */

#ifdef TRITONMETAL_EXCEPTIONS
/* What a call of the C ABI refused or failed at. */
class error : public std::runtime_error {
 public:
  error(tm_status status, const char *text)
      : std::runtime_error(text), status_(status) {}
  tm_status status() const { return status_; }

 private:
  tm_status status_;
};
#endif

/* How a call without a value ended. Owns the C error, if there is one. */
class outcome {
 public:
  outcome() = default;
  outcome(outcome &&other) noexcept
      : status_(other.status_), error_(other.error_) {
    other.error_ = nullptr;
  }
  outcome &operator=(outcome &&other) noexcept {
    std::swap(status_, other.status_);
    std::swap(error_, other.error_);
    return *this;
  }
  outcome(const outcome &) = delete;
  outcome &operator=(const outcome &) = delete;
  ~outcome() { tm_error_destroy(error_); }

  explicit operator bool() const { return status_ == TM_OK; }
  tm_status status() const { return status_; }
  /* For a person; borrowed. */
  const char *text() const {
    return error_ ? tm_error_text(error_) : tm_status_text(status_);
  }
  /* Borrowed; its diagnostics have places in the source. */
  const tm_error *details() const { return error_; }

  /* For calls of the C ABI: how.set(tm_...(..., how.slot())). */
  tm_error **slot() { return &error_; }
  outcome &set(tm_status status) {
    status_ = status;
    return *this;
  }
  /* Throws what went wrong, where that can be. */
  void expect() const {
#ifdef TRITONMETAL_EXCEPTIONS
    if (status_ != TM_OK) throw error(status_, text());
#endif
  }

 private:
  tm_status status_ = TM_OK;
  tm_error *error_ = nullptr;
};

/* Says that a constructor takes over a handle of the C ABI. */
struct adopt_t {};
constexpr adopt_t adopt{};

/* A value, or why there is none. */
template <typename T>
class result {
 public:
  result(T &&value) : value_(std::move(value)) {}
  result(outcome &&how) : how_(std::move(how)), value_(adopt, nullptr) {}
  explicit operator bool() const { return static_cast<bool>(how_); }
  tm_status status() const { return how_.status(); }
  const char *text() const { return how_.text(); }
  const outcome &how() const { return how_; }
  /* The value; an empty one when there is none. */
  T &operator*() { return value_; }
  T *operator->() { return &value_; }
  /* The value, moved out; throws when there is none. */
  T take() {
    how_.expect();
    return std::move(value_);
  }

 private:
  outcome how_;
  T value_;
};

/* One owned handle; empty after it was moved from. */
template <typename T, void (*destroy)(T *)>
class handle {
 public:
  handle(adopt_t, T *value) : value_(value) {}
  handle(handle &&other) noexcept : value_(other.value_) {
    other.value_ = nullptr;
  }
  handle &operator=(handle &&other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  handle(const handle &) = delete;
  handle &operator=(const handle &) = delete;
  ~handle() { destroy(value_); }
  T *get() const { return value_; }
  explicit operator bool() const { return value_ != nullptr; }
  /* Gives the handle to the caller. */
  T *release() {
    T *value = value_;
    value_ = nullptr;
    return value;
  }

 protected:
  T *value_;
};

/* Makes a C++ object of what a call of the C ABI put into `made`. */
template <typename T, typename Raw>
result<T> finish(outcome &&how, Raw *made) {
  if (!how) return result<T>(std::move(how));
  return result<T>(T(adopt, made));
}

/* ---- contexts and modules ----------------------------------------------- */

class context : public handle<tm_context, tm_context_destroy> {
 public:
  using handle::handle;
  static result<context> try_create(
      const tm_context_options *options = nullptr) {
    outcome how;
    tm_context *made = nullptr;
    how.set(tm_context_create(&made, options, how.slot()));
    return finish<context>(std::move(how), made);
  }
#ifdef TRITONMETAL_EXCEPTIONS
  context() : context(try_create().take()) {}
  explicit context(const tm_context_options &options)
      : context(try_create(&options).take()) {}
#endif
};

class module : public handle<tm_module, tm_module_destroy> {
 public:
  using handle::handle;
  /* name: what other modules import it by. */
  static result<module> try_parse(const std::string &file_name,
                                  const std::string &text,
                                  const char *name = nullptr) {
    outcome how;
    tm_module *made = nullptr;
    how.set(tm_module_parse(&made, name, file_name.c_str(), text.data(),
                            text.size(), nullptr, how.slot()));
    return finish<module>(std::move(how), made);
  }
  /* Parses a file that the module imports as `name`. */
  outcome try_add(const char *name, const std::string &file_name,
                  const std::string &text) {
    outcome how;
    how.set(tm_module_add(value_, name, file_name.c_str(), text.data(),
                          text.size(), nullptr, how.slot()));
    return how;
  }
#ifdef TRITONMETAL_EXCEPTIONS
  module(const std::string &file_name, const std::string &text,
         const char *name = nullptr)
      : module(try_parse(file_name, text, name).take()) {}
  void add(const char *name, const std::string &file_name,
           const std::string &text) {
    try_add(name, file_name, text).expect();
  }
#endif
};

/* ---- memory ------------------------------------------------------------- */

/* The type that an element has for kernels. For types of your own, say a
 * struct that holds a half: template <> struct tritonmetal::element<my_half> :
 * tritonmetal::element_is<TM_DTYPE_F16> {}; */
template <tm_dtype code>
struct element_is {
  static constexpr tm_dtype dtype = code;
};
template <typename T>
struct element;
template <> struct element<bool> : element_is<TM_DTYPE_I1> {};
template <> struct element<int8_t> : element_is<TM_DTYPE_I8> {};
template <> struct element<int16_t> : element_is<TM_DTYPE_I16> {};
template <> struct element<int32_t> : element_is<TM_DTYPE_I32> {};
template <> struct element<int64_t> : element_is<TM_DTYPE_I64> {};
template <> struct element<uint8_t> : element_is<TM_DTYPE_U8> {};
template <> struct element<uint16_t> : element_is<TM_DTYPE_U16> {};
template <> struct element<uint32_t> : element_is<TM_DTYPE_U32> {};
template <> struct element<uint64_t> : element_is<TM_DTYPE_U64> {};
template <> struct element<float> : element_is<TM_DTYPE_F32> {};
/* Bits of 16-bit floats, which C++11 has no types for. */
struct half { uint16_t bits; };
struct bfloat16 { uint16_t bits; };
template <> struct element<half> : element_is<TM_DTYPE_F16> {};
template <> struct element<bfloat16> : element_is<TM_DTYPE_BF16> {};

class buffer : public handle<tm_buffer, tm_buffer_destroy> {
 public:
  using handle::handle;
  static result<buffer> try_create(const context &gpu, uint64_t bytes,
                                   bool zero = false) {
    outcome how;
    tm_buffer *made = nullptr;
    tm_buffer_options options = TM_BUFFER_OPTIONS_INIT;
    options.zero = zero;
    how.set(tm_buffer_create(&made, gpu.get(), bytes, &options, how.slot()));
    return finish<buffer>(std::move(how), made);
  }
  /* Memory of the caller's, which must outlive the buffer. */
  static result<buffer> try_wrap(const context &gpu, void *memory,
                                 uint64_t bytes) {
    outcome how;
    tm_buffer *made = nullptr;
    how.set(tm_buffer_wrap(&made, gpu.get(), memory, bytes, how.slot()));
    return finish<buffer>(std::move(how), made);
  }
#ifdef TRITONMETAL_EXCEPTIONS
  buffer(const context &gpu, uint64_t bytes, bool zero = false)
      : buffer(try_create(gpu, bytes, zero).take()) {}
  static buffer wrap(const context &gpu, void *memory, uint64_t bytes) {
    return try_wrap(gpu, memory, bytes).take();
  }
#endif
  /* The memory that host and GPU share, as elements of T. */
  template <typename T>
  T *data() const {
    return static_cast<T *>(tm_buffer_contents(value_));
  }
  uint64_t size() const { return tm_buffer_size(value_); } /* bytes */
#ifdef TRITONMETAL_SPAN
  template <typename T>
  std::span<T> span() const {
    return {data<T>(), static_cast<std::size_t>(size() / sizeof(T))};
  }
#endif
};

/* A buffer of elements of one type, which kernels are told. A range. */
template <typename T>
class array {
 public:
  array(adopt_t, tm_buffer *value) : buffer_(adopt, value) {}
  static result<array> try_create(const context &gpu, std::size_t count,
                                  bool zero = false) {
    outcome how;
    tm_buffer *made = nullptr;
    tm_buffer_options options = TM_BUFFER_OPTIONS_INIT;
    options.zero = zero;
    how.set(tm_buffer_create(&made, gpu.get(), count * sizeof(T), &options,
                             how.slot()));
    return finish<array>(std::move(how), made);
  }
  /* The caller's elements, which must outlive the array; not copied where
   * memory allows (tm_buffer_wrap). */
  static result<array> try_wrap(const context &gpu, T *elements,
                                std::size_t count) {
    outcome how;
    tm_buffer *made = nullptr;
    how.set(tm_buffer_wrap(&made, gpu.get(), elements, count * sizeof(T),
                           how.slot()));
    return finish<array>(std::move(how), made);
  }
#ifdef TRITONMETAL_EXCEPTIONS
  array(const context &gpu, std::size_t count, bool zero = false)
      : array(try_create(gpu, count, zero).take()) {}
  static array wrap(const context &gpu, T *elements, std::size_t count) {
    return try_wrap(gpu, elements, count).take();
  }
#endif
  T *data() const { return buffer_.template data<T>(); }
  std::size_t size() const {
    return static_cast<std::size_t>(buffer_.size() / sizeof(T));
  }
  T *begin() const { return data(); }
  T *end() const { return data() + size(); }
  T &operator[](std::size_t i) const { return data()[i]; }
  const buffer &whole() const { return buffer_; }
  tm_buffer *get() const { return buffer_.get(); }
  explicit operator bool() const { return static_cast<bool>(buffer_); }
#ifdef TRITONMETAL_SPAN
  std::span<T> span() const { return {data(), size()}; }
  operator std::span<T>() const { return span(); }
  static result<array> try_wrap(const context &gpu, std::span<T> elements) {
    return try_wrap(gpu, elements.data(), elements.size());
  }
#ifdef TRITONMETAL_EXCEPTIONS
  static array wrap(const context &gpu, std::span<T> elements) {
    return try_wrap(gpu, elements).take();
  }
#endif
#endif

 private:
  buffer buffer_;
};

/* ---- arguments ---------------------------------------------------------- */

/* Anything that a launch takes, as the C ABI has it. */
inline tm_arg argument(const tm_arg &arg) { return arg; }
inline tm_arg argument(bool value) { return tm_arg_bool(value); }
inline tm_arg argument(std::nullptr_t) { return tm_arg_none(); }
inline tm_arg argument(const char *text) { return tm_arg_text(text); }
inline tm_arg argument(tm_dtype dtype) { return tm_arg_dtype(dtype); }
inline tm_arg argument(const buffer &b) { return tm_arg_buffer(b.get(), 0); }
inline tm_arg argument(const tm_descriptor &d) {
  return tm_arg_descriptor(&d);
}
template <typename T>
tm_arg argument(const array<T> &a) {
  return tm_arg_tensor(a.get(), 0, element<T>::dtype);
}
template <typename T>
typename std::enable_if<std::is_floating_point<T>::value, tm_arg>::type
argument(T value) {
  return tm_arg_float(static_cast<double>(value));
}
template <typename T>
typename std::enable_if<std::is_integral<T>::value &&
                            !std::is_same<T, bool>::value,
                        tm_arg>::type
argument(T value) {
  tm_arg arg = tm_arg_int(static_cast<int64_t>(value));
  if (std::is_unsigned<T>::value && sizeof(T) == 8 && arg.u.i < 0)
    arg.dtype = TM_DTYPE_U64; /* more than an int64_t holds */
  return arg;
}
/* Elements of type T from `first` on, in a buffer of bytes. */
template <typename T>
tm_arg elements(const buffer &b, std::size_t first = 0) {
  return tm_arg_tensor(b.get(), first * sizeof(T), element<T>::dtype);
}
template <typename T>
tm_arg from(const array<T> &a, std::size_t first) {
  return elements<T>(a.whole(), first);
}

/* An argument by its parameter's name, as Python's keywords; for functions. */
struct named_argument {
  const char *name;
  tm_arg value;
};
template <typename T>
named_argument keyword(const char *name, const T &value) {
  return {name, argument(value)};
}

/* Positional and named arguments of one launch, apart. */
template <std::size_t count>
class argument_list {
 public:
  template <typename... A>
  explicit argument_list(const A &...args) {
    int order[] = {0, (put(args), 0)...};
    (void)order;
  }
  const tm_arg *args() const { return args_; }
  std::size_t n_args() const { return n_args_; }
  const tm_define *named() const { return named_; }
  std::size_t n_named() const { return n_named_; }

 private:
  void put(const named_argument &arg) {
    named_[n_named_].name = arg.name;
    named_[n_named_++].value = arg.value;
  }
  template <typename T>
  void put(const T &arg) {
    args_[n_args_++] = argument(arg);
  }
  tm_arg args_[count + 1];
  tm_define named_[count + 1];
  std::size_t n_args_ = 0, n_named_ = 0;
};

/* ---- streams ------------------------------------------------------------ */

class stream : public handle<tm_stream, tm_stream_destroy> {
 public:
  using handle::handle;
  static result<stream> try_create(const context &gpu,
                                   const tm_stream_options *options = nullptr) {
    outcome how;
    tm_stream *made = nullptr;
    how.set(tm_stream_create(&made, gpu.get(), options, how.slot()));
    return finish<stream>(std::move(how), made);
  }
  outcome try_flush() {
    outcome how;
    how.set(tm_stream_flush(value_, how.slot()));
    return how;
  }
  outcome try_synchronize(uint64_t timeout_ms = TM_WAIT_FOREVER) {
    outcome how;
    how.set(tm_stream_synchronize(value_, timeout_ms, how.slot()));
    return how;
  }
#ifdef TRITONMETAL_EXCEPTIONS
  explicit stream(const context &gpu,
                  const tm_stream_options *options = nullptr)
      : stream(try_create(gpu, options).take()) {}
  void flush() { try_flush().expect(); }
  void synchronize(uint64_t timeout_ms = TM_WAIT_FOREVER) {
    try_synchronize(timeout_ms).expect();
  }
#endif
};

/* ---- kernels and functions ---------------------------------------------- */

/* One specialization. Its launches take its run-time arguments only. */
class kernel : public handle<tm_kernel, tm_kernel_destroy> {
 public:
  using handle::handle;
  static result<kernel> try_compile(const context &gpu, const module &ops,
                                    const char *name,
                                    const tm_compile_options &options) {
    outcome how;
    tm_kernel *made = nullptr;
    how.set(tm_compile(&made, gpu.get(), ops.get(), name, &options,
                       how.slot()));
    return finish<kernel>(std::move(how), made);
  }
  static result<kernel> try_compile(const context &gpu, const module &ops,
                                    const char *name, const char *signature) {
    tm_compile_options options = TM_COMPILE_OPTIONS_INIT;
    options.signature = signature;
    return try_compile(gpu, ops, name, options);
  }
  const tm_kernel_facts &info() const { return *tm_kernel_info(value_); }
  const char *text(tm_stage stage) const {
    return tm_kernel_text(value_, stage);
  }
  template <typename... A>
  outcome try_launch(stream &on, tm_grid grid, const A &...args) {
    tm_arg list[sizeof...(A) + 1] = {argument(args)...};
    outcome how;
    how.set(tm_launch(on.get(), value_, grid, list, sizeof...(A),
                      how.slot()));
    return how;
  }
#ifdef TRITONMETAL_EXCEPTIONS
  kernel(const context &gpu, const module &ops, const char *name,
         const tm_compile_options &options)
      : kernel(try_compile(gpu, ops, name, options).take()) {}
  kernel(const context &gpu, const module &ops, const char *name,
         const char *signature)
      : kernel(try_compile(gpu, ops, name, signature).take()) {}
  template <typename... A>
  void launch(stream &on, tm_grid grid, const A &...args) {
    try_launch(on, grid, args...).expect();
  }
#endif
};

/* A kernel with all its variants, picked by the arguments. */
class function : public handle<tm_function, tm_function_destroy> {
 public:
  using handle::handle;
  static result<function> try_create(
      const context &gpu, const module &ops, const char *name,
      const tm_function_options *options = nullptr) {
    outcome how;
    tm_function *made = nullptr;
    how.set(tm_function_create(&made, gpu.get(), ops.get(), name, options,
                               how.slot()));
    return finish<function>(std::move(how), made);
  }
  /* Arguments in order, then keyword(name, value)s. */
  template <typename... A>
  outcome try_launch(stream &on, tm_grid grid, const A &...args) {
    argument_list<sizeof...(A)> list(args...);
    tm_launch_options options = TM_LAUNCH_OPTIONS_INIT;
    options.named = list.named();
    options.n_named = list.n_named();
    outcome how;
    how.set(tm_function_launch(on.get(), value_, grid, list.args(),
                               list.n_args(), &options, how.slot()));
    return how;
  }
  /* The variant for these arguments, compiled and not launched. */
  template <typename... A>
  result<kernel> try_pick(const A &...args) {
    argument_list<sizeof...(A)> list(args...);
    tm_launch_options options = TM_LAUNCH_OPTIONS_INIT;
    options.named = list.named();
    options.n_named = list.n_named();
    outcome how;
    tm_kernel *made = nullptr;
    how.set(tm_function_kernel(&made, value_, list.args(), list.n_args(),
                               &options, how.slot()));
    return finish<kernel>(std::move(how), made);
  }
#ifdef TRITONMETAL_EXCEPTIONS
  function(const context &gpu, const module &ops, const char *name,
           const tm_function_options *options = nullptr)
      : function(try_create(gpu, ops, name, options).take()) {}
  template <typename... A>
  void launch(stream &on, tm_grid grid, const A &...args) {
    try_launch(on, grid, args...).expect();
  }
  template <typename... A>
  kernel pick(const A &...args) {
    return try_pick(args...).take();
  }
#endif
};

/* ---- graphs ------------------------------------------------------------- */

/* Launches that were recorded, to be launched again as one. */
class graph : public handle<tm_graph, tm_graph_destroy> {
 public:
  using handle::handle;
  /* Calls launches(), in which launches on the stream are recorded. */
  template <typename Launches>
  static result<graph> try_record(stream &on, Launches &&launches,
                                  const tm_graph_options *options = nullptr) {
    outcome how;
    tm_graph *made = nullptr;
    if (how.set(tm_graph_begin(on.get(), options, how.slot()))) {
      recording guard{on.get()};
      launches();
      guard.on = nullptr;
      how.set(tm_graph_end(&made, on.get(), how.slot()));
    }
    return finish<graph>(std::move(how), made);
  }
  outcome try_launch(stream &on) {
    outcome how;
    how.set(tm_graph_launch(on.get(), value_, how.slot()));
    return how;
  }
  const char *report() const { return tm_graph_report(value_); }
#ifdef TRITONMETAL_EXCEPTIONS
  template <typename Launches>
  static graph record(stream &on, Launches &&launches,
                      const tm_graph_options *options = nullptr) {
    return try_record(on, launches, options).take();
  }
  void launch(stream &on) { try_launch(on).expect(); }
#endif

 private:
  /* Ends a recording that an exception leaves. */
  struct recording {
    tm_stream *on;
    ~recording() {
      tm_graph *unfinished = nullptr;
      if (on && tm_graph_end(&unfinished, on, nullptr) == TM_OK)
        tm_graph_destroy(unfinished);
    }
  };
};

}  // namespace tritonmetal

#endif
