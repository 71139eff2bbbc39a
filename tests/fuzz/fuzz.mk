# Fuzz targets: parsers of outside data, and what has to be right whatever comes
# in, run by libFuzzer under the sanitizers (make fuzz), and over the inputs
# that are kept here (make test).
#
# A target is a file X.c here, a row FUZZ_X below with the kernel's sources that
# it needs, and a seed in corpus/X.
# Alone: make -f tests/fuzz/fuzz.mk fuzz-programs, or replay

FUZZ_multiboot2  = $(UNIT_test_multiboot2) efi/region.c
FUZZ_handoff     = $(HANDOFF_READER) efi/region.c
FUZZ_efi_map     = efi/region.c lib/memory_map.c lib/log.c lib/string.c \
	lib/status.c lib/format.c
FUZZ_memory_map  = $(UNIT_test_memory_map) lib/log.c
FUZZ_acpi        = $(UNIT_test_acpi) lib/log.c
FUZZ_tables      = $(UNIT_test_tables)
FUZZ_adoption    = efi/open.c efi/firmware.c kexec/linux/mode.c kexec/linux/inherit.c efi/services/properties.c efi/services/attach.c efi/region.c efi/width.c efi/width32/width32.c efi/mode.c $(wildcard efi/modes/*.c) $(POLICIES) mm/random/random.c efi/config/config.c efi/config/attach.c efi/tables.c \
	efi/protect/attributes.c efi/protect/node.c efi/quirk.c $(filter-out %/attach.c,$(wildcard efi/quirks/*.c)) efi/names.c boot/multiboot2.c boot/efi32/efi32.c $(HANDOFF_READER) \
	mm/page_table.c lib/memory_map.c lib/crc32.c lib/log.c \
	lib/options.c lib/string.c lib/status.c lib/format.c
FUZZ_modes       = $(UNIT_test_region) efi/width32/width32.c mm/page_table.c
FUZZ_image       = $(UNIT_test_image) kexec/linux/params.c kexec/linux/width.c kexec/linux/e820.c lib/memory_map.c lib/log.c
FUZZ_digests     = $(UNIT_test_sums) lib/log.c
FUZZ_cpio        = $(UNIT_test_cpio) lib/log.c
FUZZ_options     = $(UNIT_test_options) lib/log.c
FUZZ_line        = $(UNIT_test_line) lib/log.c lib/status.c
FUZZ_log_ring    = $(UNIT_test_log_ring) lib/log.c
FUZZ_utf16       = $(UNIT_test_utf16) lib/log.c lib/status.c
FUZZ_decode      = $(UNIT_test_decode) lib/log.c lib/status.c lib/format.c \
	lib/string.c
FUZZ_screen      = $(UNIT_test_screen) lib/log.c
FUZZ_frame_pool  = $(UNIT_test_frame_pool) lib/log.c
FUZZ_page_table  = $(UNIT_test_page_table) lib/log.c

FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,%,$(filter-out \
	tests/fuzz/replay.c,$(sort $(wildcard tests/fuzz/*.c))))

# Replays are made of the same objects as the unit tests.
UNIT_MORE = $(foreach target,$(FUZZ_TARGETS),$(FUZZ_$(target)) \
	tests/fuzz/$(target).c) tests/fuzz/replay.c

include tests/unit/unit.mk

FUZZ_OUT     := build/fuzz
FUZZ_CC      ?= clang
FUZZ_CFLAGS  := -std=gnu11 -g -O1 -Wall -Wextra -Werror -I. -MMD -MP \
	-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
	-fsanitize-ignorelist=tests/fuzz/ignorelist \
	-fno-omit-frame-pointer
FUZZ_PROGRAMS := $(FUZZ_TARGETS:%=$(FUZZ_OUT)/%)
FUZZ_OBJECTS  := $(sort $(UNIT_MORE:%.c=$(FUZZ_OUT)/%.o))
FUZZ_REPLAYS  := $(FUZZ_TARGETS:%=$(UNIT_OUT)/replay/%)

.PHONY: fuzz-programs replay
fuzz-programs: $(FUZZ_PROGRAMS)
replay: $(FUZZ_REPLAYS)

$(foreach target,$(FUZZ_TARGETS),$(eval $(FUZZ_OUT)/$(target): \
	$(patsubst %.c,$(FUZZ_OUT)/%.o,tests/fuzz/$(target).c \
	$(sort $(FUZZ_$(target))))))
$(foreach target,$(FUZZ_TARGETS),$(eval $(UNIT_OUT)/replay/$(target): \
	$(patsubst %.c,$(UNIT_OUT)/%.o,tests/fuzz/$(target).c \
	tests/fuzz/replay.c $(sort $(FUZZ_$(target))))))

$(FUZZ_PROGRAMS): $(UNIT_OUT)/tables.ld
	@echo "  LINK  $@"
	@$(FUZZ_CC) $(FUZZ_CFLAGS) $(filter %.o,$^) -lcmocka -Wl,-T,$(UNIT_OUT)/tables.ld -o $@

$(FUZZ_REPLAYS): $(UNIT_OUT)/tables.ld
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(UNIT_CC) $(UNIT_CFLAGS) $(filter %.o,$^) -lcmocka -T $(UNIT_OUT)/tables.ld -o $@

$(FUZZ_OBJECTS): $(FUZZ_OUT)/%.o: %.c tests/fuzz/fuzz.mk
	@mkdir -p $(@D)
	@echo "  FUZZ  $<"
	@$(FUZZ_CC) $(FUZZ_CFLAGS) $(UNIT_RENAME_$*) -c $< -o $@

-include $(FUZZ_OBJECTS:.o=.d)
