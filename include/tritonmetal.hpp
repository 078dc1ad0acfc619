/* SPDX-License-Identifier: MIT */
/*
 * tritonmetal.hpp - a thin C++ layer over tritonmetal.h.
 *
 * Each class owns one handle of the C ABI, is moved and not copied, and
 * gives it up when destroyed; get() borrows it for the C functions that have
 * no wrapper here. Failures are tritonmetal::error exceptions with the text
 * of the C error. Threads and errors are as tritonmetal.h says.
 *
 *     tritonmetal::context gpu;
 *     tritonmetal::module ops("ops.py", text);
 *     tritonmetal::function add(gpu, ops, "add_kernel");
 *     tritonmetal::stream stream(gpu);
 *     tritonmetal::buffer x(gpu, n * sizeof(float));
 *     add.launch(stream, tm_grid_1d(programs),
 *                {tm_arg_tensor(x.get(), 0, TM_DTYPE_F32), tm_arg_int(n)});
 *     stream.synchronize();
 */
#ifndef TRITONMETAL_HPP
#define TRITONMETAL_HPP

#include <tritonmetal.h>

#include <initializer_list>
#include <stdexcept>
#include <string>
#include <utility>

namespace tritonmetal {

/* What a call of the C ABI refused or failed at. */
class error : public std::runtime_error {
 public:
  error(tm_status status, const char *text)
      : std::runtime_error(text), status_(status) {}
  tm_status status() const { return status_; }

 private:
  tm_status status_;
};

/* Where one call of the C ABI puts its error; throws when it failed:
 *
 *     attempt call;
 *     call(tm_stream_flush(stream.get(), call.made()));
 */
class attempt {
 public:
  tm_error **made() { return &error_; }
  void operator()(tm_status status) {
    if (status == TM_OK) return;
    error failure(status, error_ ? tm_error_text(error_)
                                 : tm_status_text(status));
    tm_error_destroy(error_);
    error_ = nullptr;
    throw failure;
  }

 private:
  tm_error *error_ = nullptr;
};

/* One owned handle. */
template <typename T, void (*destroy)(T *)>
class handle {
 public:
  handle() = default;
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

 protected:
  T *value_ = nullptr;
};

class context : public handle<tm_context, tm_context_destroy> {
 public:
  explicit context(const tm_context_options *options = nullptr) {
    attempt call;
    call(tm_context_create(&value_, options, call.made()));
  }
};

class module : public handle<tm_module, tm_module_destroy> {
 public:
  module(const std::string &file_name, const std::string &text) {
    attempt call;
    call(tm_module_parse(&value_, nullptr, file_name.c_str(), text.data(),
                          text.size(), nullptr, call.made()));
  }
};

class buffer : public handle<tm_buffer, tm_buffer_destroy> {
 public:
  buffer(const context &gpu, uint64_t size) {
    attempt call;
    call(tm_buffer_create(&value_, gpu.get(), size, nullptr, call.made()));
  }
  /* The memory that host and GPU share, as elements of T. */
  template <typename T>
  T *data() const {
    return static_cast<T *>(tm_buffer_contents(value_));
  }
  uint64_t size() const { return tm_buffer_size(value_); }
};

class stream : public handle<tm_stream, tm_stream_destroy> {
 public:
  explicit stream(const context &gpu) {
    attempt call;
    call(tm_stream_create(&value_, gpu.get(), nullptr, call.made()));
  }
  void synchronize(uint64_t timeout_ms = TM_WAIT_FOREVER) {
    attempt call;
    call(tm_stream_synchronize(value_, timeout_ms, call.made()));
  }
};

class function : public handle<tm_function, tm_function_destroy> {
 public:
  function(const context &gpu, const module &ops, const std::string &name) {
    attempt call;
    call(tm_function_create(&value_, gpu.get(), ops.get(), name.c_str(),
                             nullptr, call.made()));
  }
  void launch(stream &on, tm_grid grid, std::initializer_list<tm_arg> args,
              const tm_launch_options *options = nullptr) {
    attempt call;
    call(tm_function_launch(on.get(), value_, grid, args.begin(),
                             args.size(), options, call.made()));
  }
};

}  // namespace tritonmetal

#endif
