# SPDX-License-Identifier: MIT
#
# libtritonmetal - see README.md. `make help` lists the doors.
#
# Every mode builds into a folder of its own (BUILD), so that modes never mix.

VERSION  := 0.1.0
SOVERSION := 0
PREFIX   ?= /usr/local
BUILD    ?= build
CC       ?= cc
AR       ?= ar
OPT      ?= -O2 -g
WARN     := -Wall -Wextra -Wpedantic -Wshadow -Wno-unused-parameter
UNAME    := $(shell uname -s)
JOBS     ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
# A sub-make builds on all cores unless the caller's own -j already rules.
SUBMAKE   = $(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))

# Bare `make` on a new machine installs what is missing, once, by name.
SETUP    := build/.setup-done

ALLFLAGS  = -std=c11 $(OPT) $(WARN) -fPIC -fvisibility=hidden -MMD -MP \
            -Iinclude $(LLVM_CFLAGS) $(SAN) $(CFLAGS)
LLVM_CFLAGS = $(addprefix -I,$(LLVM_INCLUDE))

ifeq ($(UNAME),Darwin)
  BREW        := $(shell brew --prefix 2>/dev/null)
  # _setjmp is not declared under strict POSIX.
  CPPFLAGS    += -D_DARWIN_C_SOURCE -I$(BREW)/include -I$(BREW)/opt/sqlite/include
  LDFLAGS     += -L$(BREW)/lib -L$(BREW)/opt/sqlite/lib
  SHARED      := libtritonmetal.$(SOVERSION).dylib
  SHARED_LINK := libtritonmetal.dylib
  SHARED_FLAGS = -dynamiclib -install_name $(PREFIX)/lib/$(SHARED) \
                 -compatibility_version $(SOVERSION) -current_version $(VERSION)
  SOFTMETAL   :=
else
  SHARED      := libtritonmetal.so.$(SOVERSION)
  SHARED_LINK := libtritonmetal.so
  SHARED_FLAGS = -shared -Wl,-soname,$(SHARED) $(if $(SAN),,-Wl,-z,defs)
  SOFTMETAL   := $(BUILD)/libsoftmetal.so
  LLVM_INCLUDE := $(firstword $(wildcard $(foreach v,19 20 18 21 17 15,\
                    /usr/lib/llvm-$(v)/include)))
endif

# xxHash is inlined from its header.
LIBS      := -lsqlite3 -lcjson -lpthread -lm $(if $(filter Linux,$(UNAME)),-ldl)
SOFT_LIBS := -l:libobjc.so.4 -lpthread -lm -ldl

# ---- sources --------------------------------------------------------------

BASE_SRC := $(wildcard lib/base/*.c)
TM_SRC   := $(BASE_SRC) $(filter-out $(BASE_SRC),$(wildcard lib/*.c lib/*/*.c)) \
            $(wildcard cache/*.c runtime/*.c runtime/*/*.c)
SM_SRC   := $(BASE_SRC) $(wildcard softmetal/*/*.c softmetal/*/*.S)
TOOL_SRC := $(wildcard tools/*.c)
TEST_SUPPORT_SRC := $(wildcard tests/oracle/*.c tests/support/*.c tests/random_kernels/*.c tests/op_sweep/*.c)
TEST_SRC := $(sort $(wildcard tests/test_*.c))
# Tests of softmetal have nothing to test on a Mac.
ifeq ($(UNAME),Darwin)
  TEST_SRC := $(filter-out $(shell grep -lE 'include "(../softmetal/|support/metal.h)' tests/test_*.c),$(TEST_SRC))
endif
# Programs that scripts of tests/ use.
TEST_TOOL_SRC := tests/metal_probe.c tests/language_table.c tests/dump_ttir.c tests/eval_ttir.c tests/dump_msl.c
BENCH_SRC := $(wildcard bench/*.c)
# softmetal_add needs softmetal and nothing else, so it has a rule of its own.
SOFT_EXAMPLE := examples/softmetal_add.c
EXAMPLE_SRC := $(filter-out $(SOFT_EXAMPLE),$(wildcard examples/*.c))

obj = $(patsubst %,$(BUILD)/obj/%.o,$(1))
TM_OBJ   := $(call obj,$(TM_SRC))
SM_OBJ   := $(call obj,$(SM_SRC))
TOOL_OBJ := $(call obj,$(TOOL_SRC))
SUPPORT_OBJ := $(call obj,$(TEST_SUPPORT_SRC))
TESTS    := $(patsubst tests/%.c,$(BUILD)/tests/%,$(TEST_SRC) $(TEST_TOOL_SRC))
EXAMPLES := $(patsubst examples/%.c,$(BUILD)/examples/%,$(EXAMPLE_SRC) \
              $(if $(SOFTMETAL),$(SOFT_EXAMPLE)))

PRODUCTS := $(BUILD)/$(SHARED_LINK) $(BUILD)/libtritonmetal.a $(SOFTMETAL) \
            $(BUILD)/tritonmetal $(EXAMPLES)

.PHONY: all setup test demo bench asan ubsan tsan test-long install uninstall \
        clean help 80 tests-built
.DEFAULT_GOAL := all
.SECONDARY:

all: $(SETUP) ## build the libraries, the command line and the examples
	+@$(SUBMAKE) products

products: $(PRODUCTS)
.PHONY: products

# The setup script records its success; sub-modes share the one record.
$(SETUP): tools/setup.sh
	@sh tools/setup.sh
	@mkdir -p $(@D) && touch $@

setup: ## install missing packages by name (apt or brew)
	@sh tools/setup.sh

# ---- rules ----------------------------------------------------------------

$(BUILD)/obj/%.c.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALLFLAGS) $(DEFINES) -c $< -o $@

# What the cache's keys know the compiler by: the same on every machine, and
# another one after any change.
COMPILER_SRC := $(sort $(filter lib/%,$(TM_SRC)) $(wildcard lib/*.h lib/*/*.h lib/*/*.def)) \
                runtime/kernel_row.c runtime/kernel_row.h
COMPILER_ID  := $(shell cat $(COMPILER_SRC) | cksum | tr ' ' -)
$(BUILD)/obj/runtime/kernel.c.o: $(COMPILER_SRC)
$(BUILD)/obj/runtime/kernel.c.o: DEFINES = -DTM_COMPILER_ID='"$(VERSION) $(COMPILER_ID)"'

$(BUILD)/obj/%.S.o: %.S
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -fPIC -c $< -o $@

$(BUILD)/$(SHARED): $(TM_OBJ)
	$(CC) $(SHARED_FLAGS) $(SAN) $(LDFLAGS) -o $@ $(TM_OBJ) $(LIBS)

$(BUILD)/$(SHARED_LINK): $(BUILD)/$(SHARED)
	ln -sf $(SHARED) $@

$(BUILD)/libtritonmetal.a: $(TM_OBJ)
	rm -f $@ && $(AR) rcs $@ $(TM_OBJ)

$(BUILD)/libsoftmetal.so: $(SM_OBJ)
	$(CC) -shared -Wl,-soname,libsoftmetal.so $(SAN) $(LDFLAGS) -o $@ \
	  $(SM_OBJ) $(SOFT_LIBS)

$(BUILD)/libsoftmetal.a: $(SM_OBJ)
	rm -f $@ && $(AR) rcs $@ $(SM_OBJ)

$(BUILD)/libtestsupport.a: $(SUPPORT_OBJ)
	rm -f $@ && $(AR) rcs $@ $(SUPPORT_OBJ)

RPATH := -Wl,-rpath,$(if $(filter Darwin,$(UNAME)),@loader_path,'$$ORIGIN') \
         -Wl,-rpath,$(if $(filter Darwin,$(UNAME)),@loader_path/..,'$$ORIGIN/..')

$(BUILD)/tritonmetal: $(TOOL_OBJ) $(BUILD)/$(SHARED_LINK)
	$(CC) $(SAN) $(LDFLAGS) -o $@ $(TOOL_OBJ) -L$(BUILD) -ltritonmetal $(RPATH) -lm

$(BUILD)/examples/%: examples/%.c $(BUILD)/$(SHARED_LINK)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -std=c11 $(OPT) $(WARN) -Iinclude $(SAN) $(LDFLAGS) \
	  -o $@ $< -L$(BUILD) -ltritonmetal $(RPATH) -lm $(if $(filter Linux,$(UNAME)),-ldl)

$(BUILD)/examples/softmetal_add: $(SOFT_EXAMPLE) $(SOFTMETAL)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -std=c11 $(OPT) $(WARN) -Isoftmetal $(SAN) $(LDFLAGS) \
	  -o $@ $< -L$(BUILD) -lsoftmetal -l:libobjc.so.4 $(RPATH)

# Tests see inside: they link the static archives.
$(BUILD)/tests/%: $(BUILD)/obj/tests/%.c.o $(BUILD)/libtestsupport.a \
                  $(BUILD)/libtritonmetal.a $(if $(SOFTMETAL),$(BUILD)/libsoftmetal.a)
	@mkdir -p $(@D)
	$(CC) $(SAN) $(LDFLAGS) -o $@ $< $(BUILD)/libtestsupport.a \
	  $(BUILD)/libtritonmetal.a $(if $(SOFTMETAL),$(BUILD)/libsoftmetal.a $(SOFT_LIBS)) \
	  -lcmocka $(LIBS) -rdynamic

$(BUILD)/obj/tests/%.c.o: ALLFLAGS += -Wno-pedantic -DTM_TEST_DIR='"tests/"'
$(BUILD)/obj/bench/%.c.o: ALLFLAGS += -Wno-pedantic

# Tests that make allocations fail (tests/faults/faults.h).
ifneq ($(UNAME),Darwin)
  FAULT_LINK := $(foreach f,malloc calloc realloc free strdup strndup \
                  tm_alloc tm_alloc_array tm_strndup,-Wl,--wrap=$(f))
endif
FAULT_OBJ := $(call obj,tests/faults/faults.c)
ENDURANCE_OBJ := $(call obj,$(wildcard tests/endurance/*.c))
FAULT_TESTS := $(BUILD)/tests/test_fault_sweep $(BUILD)/tests/test_endurance \
               $(BUILD)/tests/test_cache_trouble
$(FAULT_TESTS): $(FAULT_OBJ)
$(FAULT_TESTS): LDFLAGS += $(FAULT_LINK) $(FAULT_OBJ)
$(BUILD)/tests/test_endurance: $(ENDURANCE_OBJ)
$(BUILD)/tests/test_endurance: LDFLAGS += $(ENDURANCE_OBJ)

# The compiler once more, calling a hook in each basic block, for the test that
# counts its work (tests/test_compile_time.c).
COUNTED := $(patsubst %,$(BUILD)/counted/%.o,$(filter lib/%,$(TM_SRC)) tests/support/golden.c \
             tests/support/corpus.c tests/support/examples.c tests/support/scaled_kernel.c)
$(BUILD)/counted/%.c.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALLFLAGS) -Wno-pedantic $(if $(filter lib/%,$<),-fsanitize-coverage=trace-pc) -c -o $@ $<
$(BUILD)/tests/test_compile_time: $(BUILD)/obj/tests/test_compile_time.c.o $(COUNTED)
	@mkdir -p $(@D)
	$(CC) $(SAN) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS)

# ---- doors ----------------------------------------------------------------

tests-built: $(PRODUCTS) $(TESTS)
test-programs: $(TESTS)
.PHONY: test-programs

test: $(SETUP) ## build and run all tests (what .ci/run runs)
	+@$(SUBMAKE) tests-built
	@BUILD=$(BUILD) sh tests/run.sh

ASAN_MODE := BUILD=build/asan OPT="-O1 -g" \
  SAN="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
# use_tls=0: the leak check crashes walking the thread-local storage of
# libraries that were loaded with dlopen, as libLLVM is.
ASAN_ENV := ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=0 \
  LSAN_OPTIONS=use_tls=0:suppressions=tests/lsan.supp:print_suppressions=0 \
  UBSAN_OPTIONS=print_stacktrace=1

asan: $(SETUP) ## all tests under address and undefined-behaviour sanitizers
	+@$(SUBMAKE) $(ASAN_MODE) tests-built
	@BUILD=build/asan $(ASAN_ENV) sh tests/run.sh

tsan: $(SETUP) ## the threaded tests under the thread sanitizer
	+@$(SUBMAKE) BUILD=build/tsan OPT="-O1 -g" \
	  SAN="-fsanitize=thread" tests-built
	@BUILD=build/tsan TESTS="test_cache test_runtime test_variants test_autotune test_background test_hazard test_stream test_event test_launch_into test_exec test_regions test_metal_queue test_metal_objects test_profile test_handles test_graph" sh tests/run.sh

test-upstream: $(SETUP) ## check our TTIR with upstream Triton (needs python3 and PyPI)
	+@$(SUBMAKE) tests-built
	@BUILD=$(BUILD) sh tests/upstream.sh
.PHONY: test-upstream

# libFuzzer where clang has it, else the driver of the file's own.
FUZZ_SECONDS ?= 60
FUZZ_SRC := tests/fuzz/msl_fuzz.c $(wildcard softmetal/msl/*.c) $(BASE_SRC)
FUZZ_IN  := tests/fuzz/msl_corpus tests/msl/accept tests/msl/reject tests/msl/run
fuzz-msl: $(SETUP) ## damage MSL texts for FUZZ_SECONDS under the address sanitizer
	@mkdir -p build/fuzz/found
	@if clang -fsanitize=fuzzer,address -DMSL_LIBFUZZER -g -O1 \
	  -o build/fuzz/msl_fuzz $(FUZZ_SRC) -lm 2>build/fuzz/log; then \
	  build/fuzz/msl_fuzz -max_len=6000 -timeout=10 -rss_limit_mb=2000 \
	    -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=build/fuzz/ \
	    -print_final_stats=1 build/fuzz/found $(FUZZ_IN); \
	else \
	  $(CC) -std=c11 -fsanitize=address,undefined -g -O1 \
	    -o build/fuzz/msl_fuzz $(FUZZ_SRC) -lm && \
	  build/fuzz/msl_fuzz $(FUZZ_SECONDS) $(FUZZ_IN); \
	fi
.PHONY: fuzz-msl

fuzz-cache: $(SETUP) ## damage the cache's file for FUZZ_SECONDS under the address sanitizer
	+@$(SUBMAKE) $(ASAN_MODE) build/asan/tests/test_hostile_cache build/asan/libsoftmetal.so
	@HOME=$(CURDIR)/build/fuzz TRITON_METAL_SOFTMETAL=$(CURDIR)/build/asan/libsoftmetal.so $(ASAN_ENV) \
	  FUZZ_SECONDS=$(FUZZ_SECONDS) build/asan/tests/test_hostile_cache
.PHONY: fuzz-cache

demo: $(SETUP) ## build and run the four example kernels, with a table and a picture
	+@$(SUBMAKE) products
	+@$(SUBMAKE) $(BUILD)/bench/demo
	@$(BUILD)/bench/demo examples/kernels $(BUILD)/demo.png

bench-python: $(SETUP) ## what a launch through Python costs, beside upstream's where it is installed
	+@$(SUBMAKE) products
	@$(or $(PYTHON),python3) bench/python_launch.py
.PHONY: bench-python

bench: $(SETUP) ## measure beside peers; BENCH=regex runs a part
	+@$(SUBMAKE) products
	+@$(SUBMAKE) $(BUILD)/bench/bench $(BUILD)/bench/replay_part $(BUILD)/bench/lookup_part
	@$(if $(SOFTMETAL),TRITON_METAL_SOFTMETAL=$(CURDIR)/$(SOFTMETAL)) \
	  $(BUILD)/bench/bench "$(BENCH)"

BENCH_COMMON := $(call obj,$(filter-out bench/demo.c bench/picture.c bench/replay_part.c bench/lookup_part.c bench/bench.c,$(BENCH_SRC)))
$(BUILD)/bench/demo: $(call obj,bench/demo.c bench/picture.c bench/gpu.c bench/measure.c) $(BUILD)/$(SHARED_LINK)
	@mkdir -p $(@D)
	$(CC) $(SAN) $(LDFLAGS) -o $@ $(filter %.o,$^) -L$(BUILD) -ltritonmetal $(RPATH) -lz -lm -lpthread -ldl
# Lowering alone is measured from inside: its archive comes after the library.
$(BUILD)/bench/bench: $(call obj,bench/bench.c) $(BENCH_COMMON) $(BUILD)/$(SHARED_LINK) \
                      $(BUILD)/libtestsupport.a $(BUILD)/libtritonmetal.a
	@mkdir -p $(@D)
	$(CC) $(SAN) $(LDFLAGS) -o $@ $(filter %.o,$^) -L$(BUILD) -ltritonmetal $(RPATH) \
	  $(filter %.a,$^) $(LIBS)
# These see inside, as tests do.
$(BUILD)/bench/%_part: $(BUILD)/obj/bench/%_part.c.o $(call obj,bench/gpu.c bench/measure.c) \
                       $(BUILD)/libtritonmetal.a
	@mkdir -p $(@D)
	$(CC) $(SAN) $(LDFLAGS) -o $@ $^ $(LIBS)
# Peers get what a user would give plain C, whatever OPT says.
$(BUILD)/obj/bench/peer_%.c.o: ALLFLAGS += -O3 -march=native -ffast-math

# In the static library that is installed only the names of the header are
# visible: others would meet those of the programs that link it.
ifeq ($(UNAME),Darwin)
  HIDE = ld -r -o $@ $(TM_OBJ) # makes hidden names local
else
  HIDE = $(CC) -r -nostdlib -o $@ $(TM_OBJ) && objcopy --localize-hidden $@
endif
$(BUILD)/install/tritonmetal.o: $(TM_OBJ)
	@mkdir -p $(@D)
	$(HIDE)
$(BUILD)/install/libtritonmetal.a: $(BUILD)/install/tritonmetal.o
	rm -f $@ && $(AR) rcs $@ $<

FILL = sed -e 's|@PREFIX@|$(PREFIX)|g; s|@VERSION@|$(VERSION)|g; s|@LIBS@|$(LIBS)|g' \
  -e 's|@SHARED@|$(SHARED)|g; s|@MAJOR_MINOR@|$(basename $(VERSION))|g'
CMAKE_DIR := lib/cmake/tritonmetal
MAN_DIR   := share/man/man1

install: $(SETUP) ## install into DESTDIR/PREFIX: libraries, headers, tool, manual, .pc, CMake
	+@$(SUBMAKE) products $(BUILD)/install/libtritonmetal.a
	install -d $(addprefix $(DESTDIR)$(PREFIX)/,bin include lib/pkgconfig $(CMAKE_DIR) $(MAN_DIR))
	install -m 644 $(wildcard include/*.h include/*.hpp) $(DESTDIR)$(PREFIX)/include
	install -m 755 $(BUILD)/$(SHARED) $(SOFTMETAL) $(DESTDIR)$(PREFIX)/lib
	install -m 644 $(BUILD)/install/libtritonmetal.a $(DESTDIR)$(PREFIX)/lib
	ln -sf $(SHARED) $(DESTDIR)$(PREFIX)/lib/$(SHARED_LINK)
	install -m 755 $(BUILD)/tritonmetal $(DESTDIR)$(PREFIX)/bin
	install -m 644 docs/tritonmetal.1 $(DESTDIR)$(PREFIX)/$(MAN_DIR)
	$(FILL) pkgconfig/tritonmetal.pc.in >$(DESTDIR)$(PREFIX)/lib/pkgconfig/tritonmetal.pc
	for f in tritonmetalConfig tritonmetalConfigVersion; do \
	  $(FILL) cmake/$$f.cmake.in >$(DESTDIR)$(PREFIX)/$(CMAKE_DIR)/$$f.cmake; done

install-softmetal: $(SETUP) ## install softmetal alone (library, header, .pc)
	+@$(SUBMAKE) $(SOFTMETAL)
	install -d $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(PREFIX)/lib/pkgconfig
	install -m 644 softmetal/softmetal.h $(DESTDIR)$(PREFIX)/include
	install -m 755 $(SOFTMETAL) $(DESTDIR)$(PREFIX)/lib
	sed -e 's|@PREFIX@|$(PREFIX)|g; s|@VERSION@|$(VERSION)|g' \
	  pkgconfig/softmetal.pc.in > $(DESTDIR)$(PREFIX)/lib/pkgconfig/softmetal.pc
.PHONY: install-softmetal

cross-macos: $(SETUP) ## build and check dylibs for macOS, arm64 and x86-64, anywhere
	@sh tools/cross_macos.sh
.PHONY: cross-macos

mac-report: $(SETUP) ## everything a first run on a Mac should tell, in build/mac-report.txt
	+@$(SUBMAKE) tests-built
	+@$(SUBMAKE) $(BUILD)/bench/demo $(BUILD)/bench/bench $(BUILD)/bench/replay_part $(BUILD)/bench/lookup_part
	@BUILD=$(BUILD) sh tools/mac_report.sh
.PHONY: mac-report

reference: ## the API reference from the headers, in build/reference/html (needs doxygen)
	@mkdir -p build && doxygen docs/Doxyfile && echo build/reference/html/index.html
.PHONY: reference

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/tritonmetal \
	  $(addprefix $(DESTDIR)$(PREFIX)/include/,$(notdir $(wildcard include/*.h include/*.hpp))) \
	  $(addprefix $(DESTDIR)$(PREFIX)/,include/softmetal.h lib/pkgconfig/softmetal.pc $(MAN_DIR)/tritonmetal.1) \
	  $(addprefix $(DESTDIR)$(PREFIX)/$(CMAKE_DIR)/,tritonmetalConfig.cmake tritonmetalConfigVersion.cmake) \
	  $(addprefix $(DESTDIR)$(PREFIX)/lib/,$(SHARED) $(SHARED_LINK) libtritonmetal.a $(notdir $(SOFTMETAL)) pkgconfig/tritonmetal.pc)

random-kernels: $(SETUP) ## random kernels against the evaluator: SEEDS=first:count
	+@$(SUBMAKE) $(BUILD)/tests/test_random_kernels $(SOFTMETAL)
	TRITON_METAL_SOFTMETAL=$(CURDIR)/$(SOFTMETAL) TRITON_METAL_CACHE=0 SOFTMETAL_CACHE=0 \
	  RANDOM_KERNELS=$(SEEDS) $(BUILD)/tests/test_random_kernels
.PHONY: random-kernels
SEEDS ?= 1:1000

PART ?= 0/1
op-sweep: $(SETUP) ## every operation in every type, rank and shape: PART=0/100 for a hundredth
	+@$(SUBMAKE) $(BUILD)/tests/test_op_sweep $(SOFTMETAL)
	TRITON_METAL_SOFTMETAL=$(CURDIR)/$(SOFTMETAL) SOFTMETAL_CACHE=0 OP_SWEEP=$(PART) \
	  $(BUILD)/tests/test_op_sweep
.PHONY: op-sweep

fault-sweep: $(SETUP) ## every allocation, SQLite call and Metal message fails in turn
	+@$(SUBMAKE) $(BUILD)/tests/test_fault_sweep $(SOFTMETAL)
	TRITON_METAL_SOFTMETAL=$(CURDIR)/$(SOFTMETAL) FAULT_SWEEP=all $(BUILD)/tests/test_fault_sweep
.PHONY: fault-sweep

LAUNCHES ?= 1000000
endurance: $(SETUP) ## LAUNCHES of mixed kernels on four threads while things fail
	+@$(SUBMAKE) $(BUILD)/tests/test_endurance $(SOFTMETAL)
	TRITON_METAL_SOFTMETAL=$(CURDIR)/$(SOFTMETAL) LAUNCHES=$(LAUNCHES) $(BUILD)/tests/test_endurance
.PHONY: endurance

language-table: $(SETUP) ## write the tables of docs/language.md anew
	+@$(SUBMAKE) $(BUILD)/tests/language_table
	@BUILD=$(BUILD) sh tests/check_language.sh --write
.PHONY: language-table

80: ## list lines over 80 columns
	@git ls-files '*.c' '*.h' | xargs awk 'length > 80 {print FILENAME ":" FNR ": " length}'

clean: ## remove everything that was built
	rm -rf build

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

-include $(COUNTED:.o=.d) $(TM_OBJ:.o=.d) $(SM_OBJ:.o=.d) $(TOOL_OBJ:.o=.d) $(SUPPORT_OBJ:.o=.d) \
  $(FAULT_OBJ:.o=.d) $(ENDURANCE_OBJ:.o=.d) $(TEST_SRC:%=$(BUILD)/obj/%.d) $(TEST_TOOL_SRC:%=$(BUILD)/obj/%.d) \
  $(BENCH_SRC:%=$(BUILD)/obj/%.d)
