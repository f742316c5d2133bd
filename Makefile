# procleak: build, try and test. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := all

BUILD ?= build
export BUILD
export PYTHONDONTWRITEBYTECODE := 1
PREFIX ?= /usr/local
DESTDIR ?=
CFLAGS ?= -O2 -g
LDFLAGS ?=
V ?= 0
Q := $(if $(filter 1,$(V)),,@)

WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	-Wformat=2 -Wundef -Wcast-qual -Wswitch-enum -fno-common
ifdef CI
WARNINGS += -Werror
endif
BASE_FLAGS := -std=gnu17 -D_GNU_SOURCE -fPIC -fvisibility=hidden -pthread -Iplugin/core -MMD -MP
COLLECTD_FLAGS := -DHAVE_CONFIG_H -isystem /usr/include/collectd -isystem /usr/include/collectd/core
NETDATA_LIBS := -lcap
LIBS := -linih -lyajl -lmnl -liberty -lm -pthread

CORE_SRC := $(sort $(wildcard plugin/core/*/*.c))
CLI_SRC := $(sort $(wildcard plugin/cli/*.c))
COLLECTD_SRC := $(sort $(wildcard plugin/collectd/*.c))
NETDATA_SRC := $(sort $(wildcard plugin/netdata/*.c))
CORE_OBJ := $(CORE_SRC:%.c=$(BUILD)/obj/%.o)
# check-config reads <Plugin> blocks with the plugin's own translation
CLI_OBJ := $(CLI_SRC:%.c=$(BUILD)/obj/%.o) $(BUILD)/obj/plugin/collectd/translate.o
COLLECTD_OBJ := $(COLLECTD_SRC:%.c=$(BUILD)/obj/%.o)
NETDATA_OBJ := $(NETDATA_SRC:%.c=$(BUILD)/obj/%.o)
CORE_LIB := $(BUILD)/obj/libprocleak.a

UNIT_SRC := $(sort $(wildcard tests/unit/*_test.c))
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/tests/unit/%)

PROGRAM_SRC := $(sort $(wildcard tests/programs/*.c))
PROGRAM_BIN := $(PROGRAM_SRC:tests/programs/%.c=$(BUILD)/tests/programs/%)

all: $(BUILD)/procleak.so $(BUILD)/procleak.plugin $(BUILD)/procleak ## build the plugins and the terminal command

$(BUILD)/procleak.so: $(COLLECTD_OBJ) $(CORE_LIB)
	$(if $(Q),@echo "  LINK    $@")
	$(Q)$(CC) $(CFLAGS) -shared $(LDFLAGS) -o $@ $(COLLECTD_OBJ) $(CORE_LIB) $(LIBS)

$(BUILD)/procleak: $(CLI_OBJ) $(CORE_LIB)
	$(if $(Q),@echo "  LINK    $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(CLI_OBJ) $(CORE_LIB) $(LIBS)

$(BUILD)/procleak.plugin: $(NETDATA_OBJ) $(CORE_LIB)
	$(if $(Q),@echo "  LINK    $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(NETDATA_OBJ) $(CORE_LIB) $(LIBS) $(NETDATA_LIBS)

$(CORE_LIB): $(CORE_OBJ)
	$(if $(Q),@echo "  AR      $@")
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/obj/plugin/collectd/%.o: BASE_FLAGS += $(COLLECTD_FLAGS)

$(BUILD)/obj/%.o: %.c
	$(if $(Q),@echo "  CC      $<")
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(BASE_FLAGS) $(WARNINGS) -c -o $@ $<

$(BUILD)/tests/unit/%: tests/unit/%.c $(CORE_LIB)
	$(if $(Q),@echo "  TEST    $@")
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(BASE_FLAGS) $(WARNINGS) -Itests/unit $(LDFLAGS) -o $@ $< $(CORE_LIB) $(LIBS)

# It lets some calls of the library fail.
$(BUILD)/tests/unit/engine_test: LIBS += -Wl,--wrap=malloc,--wrap=fstat,--wrap=pl_procfs_read,--wrap=pl_sample_deep

# It has some reads wait.
$(BUILD)/tests/unit/windows_test: LIBS += -Wl,--wrap=pl_procfs_read_at

# The plugin as a whole, between a fake daemon and a fake engine.
COLLECTD_TEST := $(BUILD)/tests/unit/collectd_test

$(COLLECTD_TEST): BASE_FLAGS += $(COLLECTD_FLAGS)
$(COLLECTD_TEST): LIBS += -Wl,--wrap=strdup
$(COLLECTD_TEST): tests/unit/collectd_test.c $(COLLECTD_OBJ) $(CORE_LIB)
	$(if $(Q),@echo "  TEST    $@")
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(BASE_FLAGS) $(WARNINGS) -Itests/unit $(LDFLAGS) -o $@ $< $(COLLECTD_OBJ) \
		$(CORE_LIB) $(LIBS)

# What the Netdata plugin is made of, without its main().
NETDATA_TEST := $(addprefix $(BUILD)/tests/unit/,netdata_test sandbox_test)
NETDATA_PARTS := $(filter-out %/netdata/procleak.o,$(NETDATA_OBJ))

$(NETDATA_TEST): $(BUILD)/tests/unit/%: tests/unit/%.c $(NETDATA_PARTS) $(CORE_LIB)
	$(if $(Q),@echo "  TEST    $@")
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(BASE_FLAGS) $(WARNINGS) -Itests/unit $(LDFLAGS) -o $@ $< $(NETDATA_PARTS) \
		$(CORE_LIB) $(LIBS) $(NETDATA_LIBS)

# A part of the command; its sample of windows answers as the test wants.
LIVE_TEST := $(BUILD)/tests/unit/live_test

$(LIVE_TEST): LIBS += -Wl,--wrap=pl_sampled_read
$(LIVE_TEST): tests/unit/live_test.c $(BUILD)/obj/plugin/cli/live.o $(CORE_LIB)
	$(if $(Q),@echo "  TEST    $@")
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(BASE_FLAGS) $(WARNINGS) -Itests/unit $(LDFLAGS) -o $@ $< \
		$(filter %.o,$^) $(CORE_LIB) $(LIBS)

unit-tests: $(UNIT_BIN)

# What the demo and the tests measure: small programs that leak, or do not, or attack.
$(BUILD)/tests/programs/%: tests/programs/%.c
	$(if $(Q),@echo "  PROGRAM $@")
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(BASE_FLAGS) $(WARNINGS) $(LDFLAGS) -o $@ $< -pthread

test-programs: $(PROGRAM_BIN)

# The engine without a host, and what counts its allocations.
ENGINE_TICKS := $(BUILD)/tests/host/engine_ticks
COUNT_ALLOCATIONS := $(BUILD)/tests/host/libcount_allocations.so

$(ENGINE_TICKS): tests/host/engine_ticks.c $(CORE_LIB)
	$(if $(Q),@echo "  TEST    $@")
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(BASE_FLAGS) $(WARNINGS) $(LDFLAGS) -o $@ $< $(CORE_LIB) $(LIBS) -ldl

$(COUNT_ALLOCATIONS): tests/host/preload/count_allocations.c
	$(if $(Q),@echo "  TEST    $@")
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(BASE_FLAGS) $(WARNINGS) -fno-builtin -shared $(LDFLAGS) -o $@ $<

# What lets calls of procleak fail: `make faults`.
INJECT_FAULTS := $(BUILD)/tests/host/libinject_faults.so

$(INJECT_FAULTS): tests/host/preload/inject_faults.c
	$(if $(Q),@echo "  TEST    $@")
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(BASE_FLAGS) $(WARNINGS) -fno-builtin -shared $(LDFLAGS) -o $@ $< -ldl

# The engine on a proc tree in memory, for a million ticks: `make soak`.
CHURN := $(BUILD)/tests/soak/churn

$(CHURN): tests/soak/churn.c tests/fuzz/proc_tree.c tests/fuzz/proc_tree.h $(CORE_LIB)
	$(if $(Q),@echo "  TEST    $@")
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(filter-out -MMD -MP,$(BASE_FLAGS)) $(WARNINGS) $(LDFLAGS) -o $@ \
		$(filter %.c %.a,$^) $(LIBS)

host-programs: $(ENGINE_TICKS) $(COUNT_ALLOCATIONS) $(INJECT_FAULTS) $(CHURN) \
	$(BUILD)/tests/bench/target

# What `make bench` measures: tests/bench/README.md
BENCH_SRC := $(sort $(wildcard tests/bench/programs/*.c))
BENCH_BIN := $(BENCH_SRC:tests/bench/programs/%.c=$(BUILD)/tests/bench/%)

$(BUILD)/tests/bench/%: tests/bench/programs/%.c
	$(if $(Q),@echo "  PROGRAM $@")
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(BASE_FLAGS) $(WARNINGS) $(LDFLAGS) -o $@ $< -pthread -lm

bench-programs: $(BENCH_BIN)

bench: ## what it costs beside its peers, into BENCHMARKS.md (root; ARGS="--long" for all of it)
	@packaging/deps.sh build run bench
	@$(MAKE) --no-print-directory all bench-programs
	@status=0; /usr/bin/python3 tests/bench/bench.py $(ARGS) || status=$$?; $(GIVE_BACK); \
		exit $$status

# Programs that leak each at one place, and what reads where.
REGION_PROGRAMS := $(addprefix $(BUILD)/tests/regions/,leak benign measure libpool.so)

$(BUILD)/tests/regions/leak $(BUILD)/tests/regions/benign: $(BUILD)/tests/regions/%: tests/regions/programs/%.c
	$(if $(Q),@echo "  PROGRAM $@")
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(BASE_FLAGS) $(WARNINGS) $(LDFLAGS) -o $@ $< -pthread -ldl -lrt

$(BUILD)/tests/regions/libpool.so: tests/regions/programs/pool.c
	$(if $(Q),@echo "  PROGRAM $@")
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(BASE_FLAGS) $(WARNINGS) -shared $(LDFLAGS) -o $@ $<

$(BUILD)/tests/regions/measure: tests/regions/measure.c $(CORE_LIB)
	$(if $(Q),@echo "  TEST    $@")
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(BASE_FLAGS) $(WARNINGS) $(LDFLAGS) -o $@ $< $(CORE_LIB) $(LIBS)

region-programs: $(REGION_PROGRAMS)

# After sudo, what was built belongs to whoever owns the source again.
GIVE_BACK = if [ "$$(id -u)" = 0 ] && [ -e $(BUILD) ]; then chown -R --reference=. $(BUILD); fi
TESTS = $(UNIT_BIN) $(sort $(wildcard tests/*/*.t))
JOBS ?= 4

deps: ## install what is missing (Debian packages; root only when something is)
	@packaging/deps.sh

demo: ## watch collectd find a leak in a minute: notification, graphs
	@packaging/deps.sh build run
	@$(MAKE) -s --no-print-directory all test-programs
	@trap : INT; status=0; /usr/bin/python3 tests/demo/demo.py || status=$$?; $(GIVE_BACK); exit $$status

demo-netdata: ## watch Netdata find a leak in a minute: alert, picture of its dashboard
	@packaging/deps.sh build netdata picture
	@$(MAKE) --no-print-directory all test-programs
	@status=0; /usr/bin/python3 tests/demo/netdata_demo.py || status=$$?; $(GIVE_BACK); exit $$status

# The pictures of README and of packaging/docs, and the sentences there that replay says.
screenshots: ## draw the pictures of README and packaging/docs again (root, chromium for some)
	@packaging/deps.sh build run netdata picture
	@$(MAKE) -s --no-print-directory all test-programs scenario-tools
	@status=0; packaging/docs/decisions.py && /usr/bin/python3 tests/demo/demo.py >$(BUILD)/demo.out && \
		{ /usr/bin/python3 tests/demo/netdata_demo.py >$(BUILD)/demo-netdata.out || true; } && \
		packaging/docs/screenshots.py || status=$$?; $(GIVE_BACK); exit $$status

check: ## all tests: units, scenarios, the real collectd (wants root for some)
	@packaging/deps.sh build run netdata fleet test man
	@$(MAKE) -s --no-print-directory all man unit-tests test-programs host-programs scenario-tools \
		region-programs
	@trap : INT; status=0; tests/lib/check.sh $(BUILD)/check.state $(JOBS) $(TESTS) || status=$$?; \
		$(GIVE_BACK); exit $$status

.PHONY: faults
faults: ## faults of every kind under the real daemons, 20 minutes (root; FAULTS=short: a minute)
	@packaging/deps.sh build run netdata test
	@$(MAKE) -s --no-print-directory all test-programs host-programs
	@trap : INT; status=0; FAULTS=$${FAULTS:-long} prove --verbose tests/faults/faults.t || \
		status=$$?; $(GIVE_BACK); exit $$status

SOAK_TICKS ?= 100000
CHURN_TICKS ?= 1000000

.PHONY: soak
soak: ## SOAK_TICKS (100000) reads of a churning host by collectd, CHURN_TICKS (1000000) of the engine
	@packaging/deps.sh build run
	@$(MAKE) -s --no-print-directory all test-programs host-programs
	@trap : INT; status=0; SOAK_TICKS=$(SOAK_TICKS) CHURN_TICKS=$(CHURN_TICKS) \
		prove --verbose tests/soak/soak.t || status=$$?; $(GIVE_BACK); exit $$status

# The corpus of traces: tests/scenario/README.md
SCENARIO_BIN := $(addprefix $(BUILD)/tests/scenario/,generate reference)
SCENARIO_HDR := $(wildcard tests/scenario/*.h)

$(BUILD)/tests/scenario/generate: tests/scenario/generate.c tests/scenario/world.c \
		tests/scenario/families.c $(SCENARIO_HDR)
	$(if $(Q),@echo "  TEST    $@")
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -std=gnu17 -D_GNU_SOURCE $(WARNINGS) $(LDFLAGS) -o $@ $(filter %.c,$^) -lm

$(BUILD)/tests/scenario/reference: tests/scenario/reference.c
	$(if $(Q),@echo "  TEST    $@")
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -std=gnu17 -D_GNU_SOURCE $(WARNINGS) $(LDFLAGS) -o $@ $< -lm

scenario-tools: $(SCENARIO_BIN)

eval: $(BUILD)/procleak $(SCENARIO_BIN) ## score the detector on the tune set (ARGS="--family NAME")
	BUILD=$(BUILD) tests/scenario/evaluate.py --references $(ARGS)

eval-report: $(BUILD)/procleak $(SCENARIO_BIN) ## score it on the report set: other seeds, new families
	BUILD=$(BUILD) tests/scenario/evaluate.py --set report --references $(ARGS)

# Static checks. Every translation unit has a stamp, so that a second run looks at changes only.
CLANG ?= clang
CLANG_TIDY ?= clang-tidy
CLANG_FORMAT ?= clang-format
CPPCHECK ?= cppcheck
LINT_JOBS ?= 2
LINT_SRC := $(sort $(wildcard plugin/*/*.c plugin/core/*/*.c tests/*/*.c tests/*/*/*.c))
LINT_HDR := $(sort $(wildcard plugin/*/*.h plugin/core/*/*.h tests/*/*.h))
LINT_FLAGS := -std=gnu17 -D_GNU_SOURCE -Iplugin/core -Itests/unit $(COLLECTD_FLAGS)
TIDY_STAMPS := $(LINT_SRC:%.c=$(BUILD)/lint/tidy/%.ok)
LINT_EVERYTHING := all unit-tests test-programs host-programs scenario-tools bench-programs

# The .d file names the headers, so that a change in one is looked at where it counts.
$(BUILD)/lint/tidy/%.ok: %.c .clang-tidy tests/.clang-tidy
	@mkdir -p $(@D)
	@$(CLANG) -MM -MP -MT $@ -MF $@.d $< $(LINT_FLAGS)
	$(Q)$(CLANG_TIDY) --quiet $< -- $(LINT_FLAGS) >$@.log 2>&1 || \
		{ grep -A2 -E '(error|warning): ' $@.log; echo "  the whole path: $@.log"; exit 1; }
	@touch $@

LINT_PARTS := lint-format lint-text lint-compilers lint-cppcheck lint-tidy

lint: ## formatting, both compilers with -Werror, clang-tidy, cppcheck, layering, purity
	@packaging/deps.sh build lint
	@status=0; $(MAKE) --no-print-directory -k $(LINT_PARTS) || status=$$?; $(GIVE_BACK); \
		exit $$status

lint-format:
	@echo "  LINT    format"
	@$(CLANG_FORMAT) --dry-run -Werror $(LINT_SRC) $(LINT_HDR)

lint-text:
	@echo "  LINT    layers, text, promises, headers"
	@status=0; tests/lint/layers.py . || status=1; tests/lint/text.py . || status=1; \
		tests/lint/security.py . || status=1; \
		tests/lint/headers.py . $(LINT_FLAGS) || status=1; exit $$status

lint-compilers:
	@$(MAKE) --no-print-directory -k -j$(LINT_JOBS) CI=1 CC=gcc BUILD=$(BUILD)/lint/gcc \
		$(LINT_EVERYTHING)
	@$(MAKE) --no-print-directory -k -j$(LINT_JOBS) CI=1 CC=$(CLANG) BUILD=$(BUILD)/lint/clang \
		$(LINT_EVERYTHING)
	@echo "  LINT    symbols"
	@tests/lint/symbols.py $(BUILD)/lint/gcc/obj/plugin/core

lint-cppcheck:
	@echo "  LINT    cppcheck"
	@mkdir -p $(BUILD)/lint/cppcheck
	@$(CPPCHECK) --quiet --error-exitcode=1 -j $(LINT_JOBS) --std=c11 --inline-suppr \
		--cppcheck-build-dir=$(BUILD)/lint/cppcheck --suppressions-list=tests/lint/cppcheck.txt \
		--enable=warning,performance,portability -D_GNU_SOURCE -Iplugin/core -Itests/unit \
		$(LINT_SRC)

lint-tidy:
	@echo "  LINT    clang-tidy"
	@$(MAKE) --no-print-directory -k -j$(LINT_JOBS) tidy

tidy: $(TIDY_STAMPS)

# The unit tests once more, with the sanitizers watching.
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

asan: ## unit tests under the address and undefined behaviour sanitizers
	@packaging/deps.sh build
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/asan CFLAGS="-O1 -g $(SANITIZE)" \
		LDFLAGS="$(SANITIZE)" unit-tests
	@trap : INT; status=0; prove --jobs 2 $(UNIT_SRC:tests/unit/%.c=$(BUILD)/asan/tests/unit/%) || status=$$?; \
		$(GIVE_BACK); exit $$status

# Those with threads, under the sanitizer that sees races. It has threads and system calls of its own,
# which the sandbox does not let through.
SANITIZE_THREADS := -fsanitize=thread -fno-omit-frame-pointer
TSAN_SRC = $(filter-out %/sandbox_test.c,$(shell grep -lE 'pl_engine_new|pthread_create' $(UNIT_SRC)))
TSAN_BIN = $(TSAN_SRC:tests/unit/%.c=$(BUILD)/tsan/tests/unit/%)
# older runtimes do not start where the kernel randomizes more bits of an address than 28
FIXED_ADDRESSES = $(shell setarch -R true 2>/dev/null && echo setarch -R)

.PHONY: tsan
tsan: ## unit tests of all that has threads under the thread sanitizer
	@packaging/deps.sh build
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/tsan CFLAGS="-O1 -g $(SANITIZE_THREADS)" \
		LDFLAGS="$(SANITIZE_THREADS)" $(TSAN_BIN)
	@trap : INT; status=0; $(FIXED_ADDRESSES) prove --failures --comments --jobs $(JOBS) \
		$(TSAN_BIN) || status=$$?; \
		$(GIVE_BACK); exit $$status

RACES_S ?= 60

.PHONY: drd
drd: ## the real collectd under valgrind's drd for RACES_S (60): no data race in the plugin (root)
	@packaging/deps.sh build run test
	@$(MAKE) -s --no-print-directory all test-programs
	@trap : INT; status=0; RACES_S=$(RACES_S) prove --verbose tests/host/races.py || status=$$?; \
		$(GIVE_BACK); exit $$status

# libFuzzer on everything that reads text from outside.
FUZZ_SECONDS ?= 5
FUZZ_TARGETS := $(patsubst tests/fuzz/%_fuzz.c,%,$(sort $(wildcard tests/fuzz/*_fuzz.c)))
# Parts of hosts that a target tries; all else is in the library.
FUZZ_WITH_conf := plugin/cli/conf_scan.c
FUZZ_WITH_netdata := $(addprefix plugin/netdata/,requests.c text.c wire.c)
FUZZ_WITH_cli_explain := $(addprefix plugin/cli/,explain.c live.c hiding.c say.c) tests/fuzz/cli_run.c \
	-Wl,--wrap=pl_state_load
FUZZ_WITH_cli_status := $(addprefix plugin/cli/,status.c lines.c say.c) tests/fuzz/cli_run.c \
	-Wl,--wrap=pl_state_load
# Instead of what opens and stores files: it stands before the library.
FUZZ_WITH_engine := tests/fuzz/proc_tree.c tests/fuzz/turns.c $(foreach name,clock_gettime \
	$(addprefix pthread_,create join mutex_init mutex_lock mutex_unlock cond_wait cond_timedwait cond_broadcast), \
	-Xlinker --wrap=$(name))
FUZZ_FLAGS := -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all

fuzz_sources = $(filter %.c,$(FUZZ_WITH_$(1)))

.SECONDEXPANSION:
$(BUILD)/fuzz/%_fuzz: tests/fuzz/%_fuzz.c $(wildcard tests/fuzz/*.h) $(BUILD)/fuzz/obj/libprocleak.a \
		$$(call fuzz_sources,$$*)
	$(if $(Q),@echo "  FUZZ    $@")
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_FLAGS) -std=gnu17 -D_GNU_SOURCE -Iplugin/core $(WARNINGS) -o $@ $< \
		$(FUZZ_WITH_$*) $(filter %.a,$^) $(LIBS)

$(BUILD)/fuzz/state_seed: tests/fuzz/state_seed.c $(BUILD)/fuzz/obj/libprocleak.a
	$(if $(Q),@echo "  FUZZ    $@")
	$(Q)$(CLANG) $(filter-out -fsanitize=%,$(FUZZ_FLAGS)) $(SANITIZE) -std=gnu17 -D_GNU_SOURCE \
		-Iplugin/core $(WARNINGS) -o $@ $< $(filter %.a,$^) $(LIBS)

# A finding ends it, with the place of the input.
FUZZ_HOURS ?= 1

.PHONY: fuzz-long
fuzz-long: ## the same for FUZZ_HOURS (1) in all, on the corpora of earlier runs; the first finding ends it
	@$(MAKE) --no-print-directory fuzz FUZZ_UNTIL=finding \
		FUZZ_SECONDS=$$((($(FUZZ_HOURS) * 3600 + $(words $(FUZZ_TARGETS)) - 1) / $(words $(FUZZ_TARGETS))))

fuzz: ## libFuzzer on every parser, FUZZ_SECONDS (5) each; FUZZ_SEED=N: the same inputs each time
	@packaging/deps.sh build lint
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzz CC=$(CLANG) \
		CFLAGS="-g -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all" \
		$(BUILD)/fuzz/obj/libprocleak.a
	@$(MAKE) --no-print-directory $(FUZZ_TARGETS:%=$(BUILD)/fuzz/%_fuzz) $(BUILD)/fuzz/state_seed
	@tests/fuzz/seeds.py tests/fixtures $(BUILD)/fuzz/seeds
	@mkdir -p $(BUILD)/fuzz/seeds/state
	@mkdir -p $(BUILD)/fuzz/seeds/cli_status
	@$(BUILD)/fuzz/state_seed >$(BUILD)/fuzz/seeds/state/small
	@sed -e 's/"verdict":0/"verdict":3/g' -e 's/"message":"/&\\u001b/' $(BUILD)/fuzz/seeds/state/small \
		>$(BUILD)/fuzz/seeds/cli_status/leaking
	@status=0; FUZZ_UNTIL=$(FUZZ_UNTIL) FUZZ_SEED=$(FUZZ_SEED) tests/fuzz/run.sh $(BUILD)/fuzz $(FUZZ_SECONDS) \
		$(FUZZ_TARGETS) || status=$$?; \
		$(GIVE_BACK); exit $$status

# How much of the core the tests reach; those are left out that count calls or need another user.
COVERAGE_TESTS = $(UNIT_SRC:tests/unit/%.c=$(BUILD)/coverage/tests/unit/%) \
	$(filter-out %/netdata.t %/netdata_names.t %/netdata_stream.t %/valgrind.t %/syscalls.t \
	%/allocations.t %/hidden.t,$(wildcard $(addsuffix /*.t,$(addprefix tests/,host cli census cgroup netdata \
	regions)) tests/scenario/real.t tests/scenario/idle.t))
COVERAGE_LINES ?= 95
COVERAGE_BRANCHES ?= 85

.PHONY: coverage
coverage: ## lines and branches of the core that the tests reach, by module (root; some minutes)
	@packaging/deps.sh build run test
	@$(MAKE) -s --no-print-directory BUILD=$(BUILD)/coverage CFLAGS="-O0 -g --coverage" \
		LDFLAGS="--coverage" all unit-tests test-programs host-programs region-programs \
		scenario-tools
	@find $(BUILD)/coverage -name '*.gcda' -delete
	@trap : INT; status=0; BUILD=$(BUILD)/coverage prove --jobs $(JOBS) $(COVERAGE_TESTS) || \
		status=$$?; tests/coverage/report.py $(BUILD)/coverage --lines $(COVERAGE_LINES) \
		--branches $(COVERAGE_BRANCHES) || status=$$?; $(GIVE_BACK); exit $$status

.PHONY: mutation
mutation: ## put deliberate bugs into a copy of the source: does a test catch each?
	@packaging/deps.sh build
	@status=0; tests/mutation/run.py $(ARGS) || status=$$?; $(GIVE_BACK); exit $$status

NETDATA_PLUGINS ?= /usr/lib/netdata/plugins.d
NETDATA_STOCK ?= /usr/lib/netdata/conf.d
# the alerts in the form that the installed daemon reads: before 1.38 it had another one
NETDATA_VERSION ?= $(shell netdata -V 2>/dev/null | sed -n 's/^netdata v//p')
NETDATA_ALERTS = procleak$(if $(filter 1.37.%,$(NETDATA_VERSION)),-1.37).conf
COLLECTD_PLUGINS ?= /usr/lib/collectd

MANDIR ?= $(PREFIX)/share/man
MAN_PAGES := procleak.1 collectd-procleak.5 procleak.conf.5

# The program tells its options itself: packaging/man/pages.py
$(BUILD)/man/%: packaging/man/%.in packaging/man/pages.py $(BUILD)/procleak
	$(if $(Q),@echo "  MAN     $@")
	@mkdir -p $(@D)
	$(Q)/usr/bin/python3 packaging/man/pages.py $(BUILD)/procleak $< >$@.part && mv $@.part $@

.PHONY: man install uninstall
man: $(MAN_PAGES:%=$(BUILD)/man/%) ## the manual pages

install: all man ## install the collectd plugin, the command, the manual (DESTDIR, PREFIX, COLLECTD_PLUGINS)
	install -D -m 755 $(BUILD)/procleak $(DESTDIR)$(PREFIX)/bin/procleak
	install -D -m 644 $(BUILD)/procleak.so $(DESTDIR)$(COLLECTD_PLUGINS)/procleak.so
	for page in $(MAN_PAGES); do install -D -m 644 $(BUILD)/man/$$page \
		$(DESTDIR)$(MANDIR)/man$${page##*.}/$$page || exit; done

uninstall: ## remove what both installs put there, with the same variables (settings and state stay)
	rm -f $(DESTDIR)$(PREFIX)/bin/procleak $(DESTDIR)$(COLLECTD_PLUGINS)/procleak.so
	rm -f $(DESTDIR)$(NETDATA_PLUGINS)/procleak.plugin $(DESTDIR)$(NETDATA_STOCK)/procleak.conf \
		$(DESTDIR)$(NETDATA_STOCK)/health.d/procleak.conf
	for page in $(MAN_PAGES); do rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$$page; done

.PHONY: install-netdata
install-netdata: all ## install the Netdata plugin (DESTDIR, NETDATA_PLUGINS, NETDATA_STOCK)
	install -D -m 755 $(BUILD)/procleak.plugin $(DESTDIR)$(NETDATA_PLUGINS)/procleak.plugin
	install -D -m 644 conf/procleak.conf $(DESTDIR)$(NETDATA_STOCK)/procleak.conf
	install -D -m 644 conf/health.d/$(NETDATA_ALERTS) $(DESTDIR)$(NETDATA_STOCK)/health.d/procleak.conf
	@echo "as root: setcap cap_dac_read_search,cap_sys_ptrace+ep $(NETDATA_PLUGINS)/procleak.plugin"

.PHONY: deb check-packages
deb: ## build the Debian packages in build/deb
	@packaging/deps.sh build packages
	@status=0; packaging/deb.sh $(BUILD)/deb || status=$$?; $(GIVE_BACK); exit $$status

# Fresh Debians in which the packages are tried; MIRROR is where they come from.
SUITES ?= bookworm trixie

check-packages: ## the packages: lintian, rpmlint, and a life in fresh Debians (root; SUITES, MIRROR)
	@packaging/deps.sh build packages
	@BUILD=$(BUILD) SUITES="$(SUITES)" tests/packaging/packages.sh

clean: ## remove everything that was built
	rm -rf $(BUILD)

help: ## explain every target
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Not those of the copies and roots that packages are built and tried in.
-include $(shell find $(BUILD) \( -path $(BUILD)/mutation -o -path $(BUILD)/deb \
	-o -path $(BUILD)/deb-later -o -path $(BUILD)/rpm -o -path $(BUILD)/clean-room \) -prune \
	-o -type f -name '*.d' -print 2>/dev/null)
.PHONY: asan fuzz lint tidy $(LINT_PARTS) all check clean demo demo-netdata deps screenshots eval eval-report help host-programs \
	region-programs scenario-tools unit-tests test-programs
