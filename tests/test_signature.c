/* SPDX-License-Identifier: MIT */
/* test_signature.c - Triton's ahead-of-time signature text, and literals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "../lib/compile.h"

static tm_arena arena;
static tm_diags diags;
static tm_function_def *function;

/* def k(a, b, c, d=3): ... */
static void open_kernel(void) {
  static const char source[] =
      "import triton\n"
      "@triton.jit\n"
      "def k(a, b, c, d=3):\n"
      "    pass\n";
  static jmp_buf guard;
  tm_arena_init(&arena, 0);
  assert_true(tm_arena_guard(&arena, guard));
  tm_diags_init(&diags, &arena);
  tm_modules *set = tm_modules_create(&arena, &diags);
  tm_module *module =
      tm_module_parse_text(set, "m", "m.py", tm_cstr(source));
  function = tm_module_kernel(module, "k");
  assert_non_null(function);
}

static void close_kernel(void) { tm_arena_free(&arena); }

static const tm_spec_arg *parse(const char *text) {
  return tm_signature_parse(&arena, &diags, text, function, NULL, 0);
}

static void types_and_promises_are_read(void **state) {
  (void)state;
  open_kernel();
  const tm_spec_arg *args = parse(" *fp32:16 , i32:16, fp64 , u8 ");
  assert_non_null(args);
  assert_int_equal(args[0].kind, TM_SPEC_POINTER);
  assert_string_equal(args[0].type, "fp32");
  assert_int_equal(args[0].divisibility, 16);
  assert_int_equal(args[1].kind, TM_SPEC_SCALAR);
  assert_string_equal(args[1].type, "i32");
  assert_int_equal(args[1].divisibility, 16);
  assert_string_equal(args[2].type, "fp64");
  assert_string_equal(args[3].type, "u8");
  close_kernel();
}

static void equal_to_one_is_a_constant(void **state) {
  (void)state;
  open_kernel();
  const tm_spec_arg *args = parse("i32:1, 0x10, -2.5, 'a, b'");
  assert_non_null(args);
  assert_int_equal(args[0].kind, TM_SPEC_CONST);
  assert_int_equal(args[0].value.kind, TM_CONST_INT);
  assert_int_equal(args[0].value.i, 1);
  assert_int_equal(args[1].value.i, 16);
  assert_int_equal(args[2].value.kind, TM_CONST_FLOAT);
  assert_true(args[2].value.f == -2.5);
  assert_int_equal(args[3].value.kind, TM_CONST_TEXT);
  assert_string_equal(args[3].value.text, "a, b");
  close_kernel();
}

static void words_are_bools_none_types_or_text(void **state) {
  (void)state;
  open_kernel();
  const tm_spec_arg *args = parse("@gelu, 1, 2");
  assert_int_equal(args[0].value.kind, TM_CONST_FUNCTION);
  assert_string_equal(args[0].value.text, "gelu");
  args = parse("True, none, tl.float16, leaky");
  assert_non_null(args);
  assert_int_equal(args[0].value.kind, TM_CONST_BOOL);
  assert_int_equal(args[0].value.i, 1);
  assert_int_equal(args[1].value.kind, TM_CONST_NONE);
  assert_int_equal(args[2].value.kind, TM_CONST_DTYPE);
  assert_string_equal(args[2].value.text, "fp16");
  assert_int_equal(args[3].value.kind, TM_CONST_TEXT);
  close_kernel();
}

static void trailing_defaults_need_no_entry(void **state) {
  (void)state;
  open_kernel();
  const tm_spec_arg *args = parse("*i8, 1, 2");
  assert_non_null(args);
  assert_int_equal(args[3].kind, TM_SPEC_DEFAULT);
  close_kernel();
}

static void values_by_name_take_no_entry(void **state) {
  (void)state;
  open_kernel();
  tm_named_const b = {"b", {.kind = TM_CONST_INT, .i = 64}};
  const tm_spec_arg *args =
      tm_signature_parse(&arena, &diags, "*i8, *i8", function, &b, 1);
  assert_non_null(args);
  assert_int_equal(args[1].value.i, 64);
  assert_int_equal(args[2].kind, TM_SPEC_POINTER);
  close_kernel();
}

/* As triton's native_specialize_impl spells them, and what follows. */
static void descriptors_are_read(void **state) {
  (void)state;
  open_kernel();
  const tm_spec_arg *args =
      parse("tensordesc<fp16[64, 32]>, tensordesc< bf16 [ 16 ] >:nan,"
            "tensordesc<fp32[1,2,4,8,16]>:tf32 :nan");
  assert_non_null(args);
  assert_int_equal(args[0].kind, TM_SPEC_DESCRIPTOR);
  assert_string_equal(args[0].type, "fp16");
  assert_int_equal(args[0].desc.rank, 2);
  assert_int_equal(args[0].desc.block[0], 64);
  assert_int_equal(args[0].desc.block[1], 32);
  assert_false(args[0].desc.pads_nan || args[0].desc.rounds_tf32);
  assert_int_equal(args[1].desc.rank, 1);
  assert_true(args[1].desc.pads_nan && !args[1].desc.rounds_tf32);
  assert_int_equal(args[2].desc.rank, 5);
  assert_int_equal(args[2].desc.block[4], 16);
  assert_true(args[2].desc.pads_nan && args[2].desc.rounds_tf32);
  close_kernel();
}

static void tuples_are_read(void **state) {
  (void)state;
  open_kernel();
  const tm_spec_arg *args =
      parse("(*fp32:16, (i32, 'a, (b'), 16,), (size=i32:1, data = "
            "tensordesc<i8[16,16]>), [1, None, ()]");
  assert_non_null(args);
  assert_int_equal(args[0].kind, TM_SPEC_TUPLE);
  assert_int_equal(args[0].n_items, 3);
  assert_null(args[0].names);
  assert_int_equal(args[0].items[0].kind, TM_SPEC_POINTER);
  assert_int_equal(args[0].items[0].divisibility, 16);
  assert_int_equal(args[0].items[1].n_items, 2);
  assert_string_equal(args[0].items[1].items[1].value.text, "a, (b");
  assert_int_equal(args[0].items[2].value.i, 16);
  assert_string_equal(args[1].names[0], "size");
  assert_string_equal(args[1].names[1], "data");
  assert_int_equal(args[1].items[0].kind, TM_SPEC_CONST);
  assert_int_equal(args[1].items[1].kind, TM_SPEC_DESCRIPTOR);
  assert_int_equal(args[2].n_items, 3);
  assert_int_equal(args[2].items[2].kind, TM_SPEC_TUPLE);
  assert_int_equal(args[2].items[2].n_items, 0);
  close_kernel();
}

/* Triton writes constexpr and has the value elsewhere. */
static void constexprs_have_their_value_by_name(void **state) {
  (void)state;
  open_kernel();
  const tm_named_const named[] = {
      {"a.1", {.kind = TM_CONST_INT, .i = 5}},
      {"a.2.size", {.kind = TM_CONST_INT, .i = 6}},
      {"b", {.kind = TM_CONST_INT, .i = 7}}};
  const tm_spec_arg *args = tm_signature_parse(
      &arena, &diags, "(i32, constexpr, (size=constexpr,)), constexpr, i8",
      function, named, 3);
  assert_non_null(args);
  assert_int_equal(args[0].items[1].value.i, 5);
  assert_int_equal(args[0].items[2].items[0].value.i, 6);
  assert_int_equal(args[1].value.i, 7);
  assert_string_equal(args[2].type, "i8");
  assert_null(tm_signature_parse(&arena, &diags, "(i32, i32), constexpr, i8",
                                 function, named, 3));
  close_kernel();
}

/* Each wrong text gives an error that shows the word in question. */
static void wrong_entries_are_refused(void **state) {
  (void)state;
  static const struct { const char *text, *says; } cases[] = {
      {"*fp32, i32", "'c'"},
      {"*fp32, i32, i32, i32, i32", "more entries"},
      {"*fp99, 1, 2", "fp99"},
      {"i32:8, 1, 2", ":8"},
      {"*fp32:1, 1, 2", "cannot be equal to 1"},
      {"fp32:16, 1, 2", "cannot be specialized"},
      {"1, , 2", "empty"},
      {"1, 'open, 2", "'open"},
      {"99999999999999999999, 1, 2", "64 bits"},
      {"tensordesc<fp16[64,48]>, 1, 2", "powers of two"},
      {"tensordesc<fp16[64,0]>, 1, 2", "powers of two"},
      {"tensordesc<fp16[1,1,1,1,1,16]>, 1, 2", "1 to 5 dimensions"},
      {"tensordesc<fp16[]>, 1, 2", "1 to 5 dimensions"},
      {"tensordesc<fp16[2048,1024]>, 1, 2", "1048576"},
      {"tensordesc<fp16[x]>, 1, 2", "1 to 5 dimensions"},
      {"tensordesc<fp99[16]>, 1, 2", "unknown element type 'fp99'"},
      {"tensordesc<fp16[16], 1, 2", "is no descriptor"},
      {"tensordesc<fp16>, 1, 2", "is no descriptor"},
      {"tensordesc, 1, 2", "is no descriptor"},
      {"tensordesc_im2col<fp16[16]>, 1, 2", "is no descriptor"},
      {"tensordesc<fp16[16]>:one, 1, 2", "unknown option ':one'"},
      {"tensordesc<fp16[16]>:tf32, 1, 2", "unknown option ':tf32'"},
      {"tensordesc<fp16[16]>16, 1, 2", "unknown option '16'"},
      {"tensordesc<fp16[64,64],NVMMASharedLayout(swizzle_byte_width=128, "
       "element_bitwidth=16, rank=2)>, 1, 2",
       "Gluon's"},
      {"nvTmaDesc, 1, 2", "NVIDIA's"},
      {"(i32, 1, 2", "bracket"},
      {"(i32]], 1, 2", "bracket"},
      {"(i32, 1)x, 1, 2", "bracket"},
      {"(i32, a=1), 1, 2", "either all items"},
      {"(*fp99,), 1, 2", "unknown pointer type"},
      {"(i32,,i32), 1, 2", "empty"},
      {"((((((((((((((((((1)))))))))))))))))), 1, 2", "too deeply"},
      {"(i32, constexpr), 1, 2", "'a.1' is not given"},
      {"constexpr, 1, 2", "'a' is not given"},
  };
  for (size_t i = 0; i < TM_COUNT(cases); i++) {
    open_kernel();
    if (parse(cases[i].text)) fail_msg("%s is read", cases[i].text);
    assert_true(diags.errors > 0);
    tm_buf text = tm_buf_in(&arena);
    tm_diags_render_all(&diags, &text);
    if (!strstr(tm_buf_text(&text), cases[i].says))
      fail_msg("'%s' says: %s", cases[i].text, tm_buf_text(&text));
    close_kernel();
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(types_and_promises_are_read),
      cmocka_unit_test(equal_to_one_is_a_constant),
      cmocka_unit_test(words_are_bools_none_types_or_text),
      cmocka_unit_test(trailing_defaults_need_no_entry),
      cmocka_unit_test(values_by_name_take_no_entry),
      cmocka_unit_test(descriptors_are_read),
      cmocka_unit_test(tuples_are_read),
      cmocka_unit_test(constexprs_have_their_value_by_name),
      cmocka_unit_test(wrong_entries_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
