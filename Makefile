# Baton's build. `make help` lists what can be asked of it.
#
# One image comes out, build/baton; build/baton.elf beside it has the symbols.
# The object list is in reading order: a tour of the kernel starts at the top.

MAKEFLAGS += -rR
.SUFFIXES:
.DELETE_ON_ERROR:
SHELL := /bin/sh
OUT   := build

CROSS_COMPILE ?=
# Each can be set on the command line or in the environment: CC=clang LD=ld.lld.
# (make has defaults of its own for two of them: `cc` and `ld`.)
ifneq ($(filter default undefined,$(origin CC)),)
CC := $(CROSS_COMPILE)gcc
endif
ifneq ($(filter default undefined,$(origin LD)),)
LD := $(CROSS_COMPILE)ld
endif
NM      ?= $(CROSS_COMPILE)nm
OBJCOPY ?= $(CROSS_COMPILE)objcopy
OPT     ?= -O2
NASM    := nasm
PYTHON  := /usr/bin/python3
FONT    := /usr/share/consolefonts/Lat15-VGA16.psf.gz

# Core, in reading order: each file uses only what stands above it, or what its
# own comment announces. A file directly in a folder is core, a sub-folder is an
# annex: it attaches to core by rows that the linker collects (lib/table.h), and
# can be left out. `make core` links none, ANNEXES="efi/guard …" those.
CORE := \
	boot/entry.asm \
	lib/string.c \
	lib/format.c \
	lib/status.c \
	lib/log.c \
	lib/options.c \
	lib/memory_map.c \
	lib/cpio.c \
	lib/crc32.c \
	boot/multiboot2.c \
	boot/node.c \
	boot/content.c \
	boot/handoff.c \
	mm/page_table.c \
	mm/early.c \
	mm/frame_pool.c \
	mm/frames.c \
	mm/space.c \
	efi/names.c \
	efi/region.c \
	efi/quirk.c \
	efi/width.c \
	efi/tables.c \
	efi/gate.asm \
	efi/gate.c \
	efi/firmware.c \
	efi/mode.c \
	efi/services.c \
	efi/space.c \
	efi/virtual.c \
	efi/open.c \
	kexec/image.c \
	kexec/jump.asm \
	kexec/kexec.c \
	kernel/serial.c \
	kernel/power.c \
	kernel/stage.c \
	kernel/panic.c \
	kernel/trap.asm \
	kernel/trap.c \
	kernel/time.c \
	kernel/options.c \
	kernel/proof.c \
	kernel/leave.c \
	kernel/memory.c \
	kernel/main.c

ALL_ANNEXES := $(sort $(patsubst %/,%,$(dir $(wildcard \
	$(foreach layer,boot mm efi kexec kernel,$(layer)/*/*.c $(layer)/*/*.asm)))))
ANNEXES     ?= $(ALL_ANNEXES)
UNKNOWN     := $(filter-out $(ALL_ANNEXES),$(ANNEXES))
$(if $(UNKNOWN),$(error ANNEXES: no annex is called $(UNKNOWN); there are: $(ALL_ANNEXES)))

# What an annex uses of another one: it brings that along. Commands of the
# monitor are in files of that name, which need the monitor and do not bring it.
USES_kernel/screen      := kernel/console mm/vmap
USES_kernel/qr          := kernel/history kernel/screen
USES_kernel/long_mode   := kernel/screen
USES_kernel/monitor     := efi/config efi/services kernel/console kernel/reboot kernel/report kernel/shutdown kernel/timer mm/visit mm/vmap
USES_kernel/auto        := efi/modes efi/policies efi/quirks kexec/linux
USES_kernel/smbios      := efi/config
USES_kernel/reboot      := kernel/acpi mm/vmap
USES_kernel/acpi        := efi/config
USES_kernel/proofs      := efi/config efi/guard efi/services
USES_kernel/pstore      := efi/config kernel/history kernel/report efi/services
USES_kernel/conformance := efi/guard efi/services kernel/monitor
USES_kernel/arrival     := kernel/apic mm/vmap
USES_kernel/timer       := kernel/apic mm/vmap
USES_kernel/clocks      := kernel/acpi kernel/timer mm/vmap
USES_kernel/watchdog    := kernel/apic kernel/nmi kernel/timer mm/vmap
USES_efi/guard          := kernel/stacks kernel/timer mm/random mm/vmap
USES_kernel/shutdown    := efi/services
USES_kernel/report      := mm/vmap
USES_kernel/apic        := mm/vmap
USES_efi/modes          := mm/random
USES_efi/protect        := efi/config efi/guard mm/visit
USES_efi/isolate        := efi/guard efi/width32 kernel/acpi kernel/stacks
USES_efi/trace          := efi/guard kernel/timer mm/visit
USES_efi/quirks         := efi/config efi/guard
USES_efi/services       := efi/config
USES_kexec/linux        := efi/config efi/protect

# All of $(1), what they use, what these use, until there is nothing new.
with_used   = $(if $(filter-out $(1),$(used_by)),\
	$(call with_used,$(sort $(1) $(used_by))),$(1))
used_by     = $(foreach annex,$(1),$(USES_$(annex)))
LINKED     := $(call with_used,$(ANNEXES))
files_of    = $(sort $(wildcard $(foreach annex,$(1),$(annex)/*.c $(annex)/*.asm)))
FILES      := $(CORE) $(filter-out $(if $(filter kernel/monitor,$(LINKED)),,\
	%/commands.c),$(call files_of,$(LINKED)))
ALL_FILES  := $(CORE) $(call files_of,$(ALL_ANNEXES))
C_FILES    := $(filter %.c,$(ALL_FILES))

# Where the image goes: objects are the same for all images.
TO := $(OUT)

# What is in the image does not depend on where it was built: compilers note the
# directory as PWD has it, quoted because it may contain blanks. The headers of the
# Linux boot protocol are the host's (linux-libc-dev); a cross compiler does not
# look there by itself.
export PWD := $(CURDIR)
CFLAGS := -std=gnu11 $(OPT) -g -Wall -Wextra -Werror -Wformat-nonliteral \
	-Wmissing-prototypes -Wstrict-prototypes -Wundef -ffreestanding \
	-fno-stack-protector -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer \
	-fno-optimize-sibling-calls \
	-fno-asynchronous-unwind-tables -fno-pic \
	-mno-red-zone -mgeneral-regs-only -mcmodel=kernel -fcf-protection=none \
	-ffile-prefix-map="$$PWD"=. -I. \
	-idirafter /usr/include/x86_64-linux-gnu -idirafter /usr/include
NASMFLAGS := -f elf64 -g -F dwarf -Werror -I $(OUT)/ -I ./
LDFLAGS   := -nostdlib -static --build-id=none -z noexecstack \
	-z max-page-size=0x1000

objects_of = $(patsubst %.c,$(OUT)/%.o,$(patsubst %.asm,$(OUT)/%.asm.o,$(1)))
OBJECTS     := $(call objects_of,$(FILES))
ALL_OBJECTS := $(call objects_of,$(ALL_FILES))

# A variable that nothing reads is a mistake of whoever has set it.
GIVEN := $(foreach name,$(.VARIABLES),$(if \
	$(filter command,$(firstword $(origin $(name)))),$(name)))
WRONG := $(if $(GIVEN),$(shell tools/variables '$(MAKECMDGOALS)' $(GIVEN)))
$(if $(WRONG),$(error $(WRONG)))

# What a target needs beside itself: purposes of tools/install-deps.
ALL_PURPOSES     := build run debug timetravel iso linux fuzz bench atlas size format test
NEEDS_demo       := build run
NEEDS_run        := build run
NEEDS_debug      := build run debug
NEEDS_timetravel := build run debug timetravel
NEEDS_relay      := build run linux
NEEDS_crash-demo := build run linux debug
NEEDS_bench      := build run linux bench
NEEDS_atlas      := build run atlas
NEEDS_check-firmware := build run linux
NEEDS_iso        := build iso
NEEDS_sins       := test
NEEDS_fuzz       := fuzz
NEEDS_format     := format
NEEDS_size       := build size
NEEDS_test       := $(ALL_PURPOSES)
NEEDS_test-all   := $(ALL_PURPOSES)
NEEDS_coverage   := $(ALL_PURPOSES)
NEEDS := $(sort $(foreach goal,$(MAKECMDGOALS),$(NEEDS_$(goal))))

# Installed before anything is built; for any other target it is only looked
# whether the tools to build with are there.
INSTALL_DEPS := CC='$(CC)' LD='$(LD)' tools/install-deps
ifneq ($(NEEDS),)
FIRST := deps
else ifeq ($(filter clean help,$(MAKECMDGOALS)),)
$(if $(shell $(INSTALL_DEPS) --check build || echo no),$(error the build needs \
	what is listed above))
endif

# Another compiler, or other flags: all is built anew. (Not a rule, which `make
# -q` would take for something to do.)
BUILT_WITH := $(CC) $(CFLAGS) $(NASM) $(NASMFLAGS) $(LD) $(LDFLAGS)
IS_DRY     := $(strip $(foreach letter,n q,$(findstring $(letter), \
	$(firstword -$(MAKEFLAGS)))))
ifneq ($(BUILT_WITH),$(if $(IS_DRY),$(BUILT_WITH),$(file <$(OUT)/built-with)))
$(shell mkdir -p $(OUT))
$(file >$(OUT)/built-with,$(BUILT_WITH))
endif

# So is another set of annexes.
ifneq ($(FILES),$(if $(IS_DRY),$(FILES),$(file <$(TO)/linked-of)))
$(shell mkdir -p $(TO))
$(file >$(TO)/linked-of,$(FILES))
endif

.PHONY: all
all: $(TO)/baton $(TO)/bundle.cpio compile_commands.json ## build the kernel and its bundle

.PHONY: core
core: ## build build/core/baton: core alone, with no annex
	@$(MAKE) --no-print-directory ANNEXES= TO=$(OUT)/core image

.PHONY: image
image: $(TO)/baton $(TO)/bundle.cpio ## build the kernel that ANNEXES= says, in TO=

.PHONY: hooks
hooks: $(TO)/baton.elf ## list the rows by which annexes attach, in link order
	@tools/hooks $<

print-%: # the value of a variable, for the tests
	@echo $($*)

.PHONY: help
help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1@\2/p' Makefile | \
		awk -F@ '{ printf "%-18s %s\n", $$1, $$2 }'
	@echo
	@echo 'Variables: make run MODE=physical GENERATIONS=2'
	@tools/variables

.PHONY: demo
demo: deps all ## show it: every mode, three generations each
	@tools/demo $(MODE)

.PHONY: relay
relay: deps all $(OUT)/linux.cpio ## Baton, Linux, Baton, Linux, Baton, in one boot
	@tools/relay $(MODE)

.PHONY: crash-demo
crash-demo: deps all $(OUT)/linux.cpio ## a panic, what is left in flash and in memory, and GDB
	@tools/crash_demo $(KIND)

.PHONY: run
run: deps all ## boot it here, serial line in this terminal, until you quit
	@tools/run

.PHONY: debug
debug: deps all ## boot it halted, with GDB and its symbols in front of it
	@tools/run --debug

.PHONY: timetravel
timetravel: deps all ## record a run, and open GDB in it: TEST=handoff, or list
	@tools/timetravel

.PHONY: console
console: ## the serial line of the machine of make debug, from another terminal
	@tools/console

# Where there is no browser for the atlas, the tests that need it are skipped.
.PHONY: browser
browser: deps
	@$(INSTALL_DEPS) browser || echo '  no browser: its tests are skipped'

.PHONY: test
test: deps browser all unit replay $(OUT)/baton.iso $(OUT)/linux.cpio ## run the tests, but for the slow ones
	@$(PYTHON) -m pytest $(if $(JUNIT),--junit-xml=$(JUNIT))

.PHONY: test-all
test-all: deps browser all unit replay $(OUT)/baton.iso $(OUT)/linux.cpio ## run all tests: takes long
	@$(PYTHON) -m pytest -m "" $(if $(JUNIT),--junit-xml=$(JUNIT))

.PHONY: sins
sins: deps ## build the drivers with faults that tests and reports inject

.PHONY: fuzz
fuzz: deps ## hostile input from libFuzzer, T seconds for each target
	@tools/fuzz --seconds $(or $(T),60) --jobs $(or $(JOBS),1) $(TARGET)

.PHONY: coverage
coverage: deps all $(OUT)/baton.iso $(OUT)/linux.cpio ## which lines run in the tests: build/coverage/index.html
	@tools/coverage

.PHONY: bench
bench: deps all ## instructions of calls, kexec and boot, and Linux beside it
	@tools/bench

# With Linux, if it is there or can be fetched. That is another make, which has
# no use for CODE= and would refuse it.
.PHONY: check-firmware
check-firmware: deps all ## check a firmware, CODE= VARS= or BIOS=: build/report/index.html
	@env -u MAKEFLAGS -u MFLAGS $(MAKE) -s $(OUT)/linux.cpio || \
		echo '  no Linux: the report has no chain through it'
	@tools/check-firmware

.PHONY: atlas
atlas: deps all ## draw the address spaces of a run: build/atlas/index.html
	@tools/atlas/draw

.PHONY: iso
iso: deps $(OUT)/baton.iso ## make build/baton.iso, which boots a real PC

.PHONY: size
size: deps $(OUT)/baton ## lines of code per folder, and the size of the image
	@tools/size $(OUT)/baton

.PHONY: format
format: deps ## format all C files
	@clang-format -i $$(git ls-files '*.c' '*.h')

.PHONY: lab
lab: all ## make a student's folder: N=3 NAME=s017 WITH=../baton-lab2 DIR=../mine
	@tools/lab new $(or $(N),$(error which one? make lab N=3)) \
		--name '$(NAME)' $(if $(WITH),--with '$(WITH)') $(if $(DIR),--to '$(DIR)')

.PHONY: clean
clean: ## remove all that was built
	@rm -rf $(OUT) compile_commands.json

.PHONY: deps
deps:
	@$(INSTALL_DEPS) $(NEEDS)

# ---- the image

# One address map for C, the linker and NASM.
$(OUT)/layout.inc: mm/layout.h
	@mkdir -p $(@D)
	@sed -n 's/^#define \([A-Z0-9_]*\) *\(0x[0-9a-f]*\)$$/%define \1 \2/p' $< > $@

# And one set of structures: see tools/offsets.
$(OUT)/%.inc: %.h $(filter %.asm,$(ALL_FILES)) tools/offsets $(OUT)/built-with
	@mkdir -p $(@D)
	@tools/offsets $< '$(CC) $(CFLAGS)' $(filter %.asm,$(ALL_FILES)) > $@.new
	@mv $@.new $@

$(OUT)/efi/gate.asm.o: $(OUT)/efi/gate.inc
$(OUT)/efi/isolate/cell.asm.o: $(OUT)/efi/gate.inc $(OUT)/efi/isolate/cell.inc
$(OUT)/efi/guard/registers.asm.o: $(OUT)/efi/gate.inc $(OUT)/efi/guard/registers.inc

$(OUT)/linker.ld: linker.ld lib/tables.ld mm/layout.h $(OUT)/built-with | $(FIRST)
	@mkdir -p $(@D)
	@$(CC) -E -P -x c -I. $< -o $@

$(OUT)/%.o: %.c Makefile $(OUT)/built-with | $(FIRST)
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(CFLAGS) -MMD -MP -c $< -o $@

$(OUT)/%.asm.o: %.asm boot/header.inc $(OUT)/layout.inc tools/forget-folder Makefile $(OUT)/built-with | $(FIRST)
	@mkdir -p $(@D)
	@echo "  NASM  $<"
	@$(NASM) $(NASMFLAGS) -MD $(@:.o=.d) -MP $< -o $@
	@tools/forget-folder $@

$(OUT)/kernel/screen/font.asm.o: $(OUT)/font.psf

$(OUT)/font.psf: $(wildcard $(FONT)) | $(FIRST)
	@mkdir -p $(@D)
	@gzip -dc $(FONT) > $@
	@[ "$$(od -An -tx1 -N4 $@)" = ' 36 04 02 10' ] || \
		{ echo '$(FONT): not PSF1 with 256 glyphs of 8x16'; exit 1; }

# Two links: the first one's symbols become a table in the second one.
$(TO)/symbols-%.o: $(TO)/symbols-%.asm | $(FIRST)
	@$(NASM) $(NASMFLAGS) $< -o $@
	@tools/forget-folder $@

$(TO)/symbols-none.asm: tools/symbols
	@mkdir -p $(@D)
	@tools/symbols - > $@

$(TO)/symbols-all.asm: $(TO)/baton-none.elf tools/symbols
	@tools/symbols $< $(NM) > $@

$(TO)/baton-%.elf: $(OBJECTS) $(TO)/symbols-%.o $(OUT)/linker.ld $(TO)/linked-of
	@$(LD) $(LDFLAGS) -T $(OUT)/linker.ld -o $@ $(OBJECTS) $(TO)/symbols-$*.o

$(TO)/baton.elf: $(TO)/baton-all.elf
	@cp $< $@

$(TO)/baton: $(TO)/baton.elf
	@echo "  IMAGE $@"
	@$(OBJCOPY) -O binary $< $@

# ---- what it is booted from

$(TO)/bundle.cpio: $(TO)/baton tools/bundle
	@echo "  CPIO  $@"
	@tools/bundle $@ $(TO)/baton

# A Linux beside it, and all that it needs: the same archive is its initramfs.
# Where it cannot be fetched, the tests that need it are skipped, and only those.
OR_SKIP = $(if $(filter test test-all coverage,$(MAKECMDGOALS)),|| rm -f $@)

$(OUT)/linux/init: tools/linux tools/linux_init | $(FIRST)
	@echo "  LINUX $(@D)"
	@tools/linux $(@D) $(OR_SKIP)

$(OUT)/linux.cpio: $(OUT)/baton $(OUT)/linux/init tools/bundle
	@echo "  CPIO  $@"
	@test -e $(OUT)/linux/init && \
		tools/bundle $@ $(OUT)/baton $(OUT)/linux $(OR_SKIP)

$(OUT)/baton.iso: $(OUT)/baton $(OUT)/bundle.cpio tools/media
	@echo "  ISO   $@"
	@tools/media iso $@

compile_commands.json: Makefile $(OUT)/built-with
	@{ echo '['; for file in $(C_FILES); do \
		printf '{"directory": "%s", "file": "%s", "command": "%s"},\n' \
			"$$PWD" "$$file" \
			'$(CC) $(filter-out -ffile-prefix-map%,$(CFLAGS)) -c '"$$file"; \
	done | sed '$$ s/,$$//'; echo ']'; } > $@

# Steps between two links: kept, though only pattern rules name them. An object
# is named below, so it is no mere step: it is not deleted, and a missing one is
# built again.
.PRECIOUS: $(TO)/symbols-%.asm $(TO)/symbols-%.o $(TO)/baton-%.elf
-include lab.mk
include tests/fuzz/fuzz.mk
include tests/firmware/firmware.mk
$(ALL_OBJECTS) $(UNIT_OBJECTS) $(FUZZ_OBJECTS) $(SINS) $(TO)/bundle.cpio \
	$(OUT)/baton.iso: | $(FIRST)
-include $(ALL_OBJECTS:.o=.d)
