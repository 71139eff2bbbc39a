# Unit tests: parts of the kernel built for the host, under the address and
# undefined-behaviour sanitizers, one program per subject.
#
# A test is a file test_X.c here and a row UNIT_test_X below, which lists the
# sources it is about and what these need. Nothing else is to be done.
# Alone: make -f tests/unit/unit.mk unit

UNIT_test_status     := lib/status.c lib/format.c
UNIT_test_format     := lib/format.c
UNIT_test_log        := lib/log.c lib/format.c
UNIT_test_string     := lib/string.c
UNIT_test_crc32      := lib/crc32.c
UNIT_test_sha256     := kexec/digest/sha256.c
UNIT_test_cpio       := lib/cpio.c lib/string.c lib/status.c lib/format.c
UNIT_test_options_alone := lib/options.c lib/string.c lib/status.c lib/format.c
UNIT_test_options    := kernel/chain/lists.c kernel/monitor/words.c $(UNIT_test_options_alone)
UNIT_test_utf16      := efi/services/utf16.c lib/string.c lib/format.c
UNIT_test_memory_map := boot/damage/agree.c lib/memory_map.c lib/status.c lib/format.c
UNIT_test_multiboot2 := boot/multiboot2.c boot/node.c boot/efi32/efi32.c kernel/screen/framebuffer.c lib/log.c lib/memory_map.c lib/string.c \
	lib/status.c lib/format.c
HANDOFF_CORE         := boot/handoff.c boot/node.c boot/content.c \
	lib/crc32.c lib/log.c lib/memory_map.c lib/string.c lib/status.c \
	lib/format.c
HANDOFF_READER       := $(HANDOFF_CORE) boot/damage/account.c boot/damage/agree.c \
	kexec/linux/arrival.c kexec/linux/e820.c kexec/linux/preserved.c kexec/linux/width.c lib/options.c
UNIT_test_handoff    := $(HANDOFF_READER) kexec/linux/params.c kernel/screen/framebuffer.c
UNIT_test_handoff_alone := $(HANDOFF_CORE)
UNIT_test_linux      := kexec/linux/linux.c kexec/linux/width.c kexec/linux/e820.c \
	lib/memory_map.c lib/string.c lib/status.c lib/format.c
UNIT_test_core       := kexec/capture/core.c lib/string.c lib/status.c lib/format.c
UNIT_test_page_table := mm/page_table.c mm/visit/visit.c kernel/report/walk.c lib/status.c lib/format.c
UNIT_test_early      := mm/early.c mm/vmap/early.c mm/page_table.c lib/log.c lib/string.c lib/status.c lib/format.c
UNIT_test_frame_pool := mm/frame_pool.c lib/string.c lib/status.c lib/format.c
UNIT_test_frames     := mm/frames.c mm/frame_pool.c lib/log.c lib/string.c \
	lib/status.c lib/format.c
UNIT_test_image      := kexec/image.c lib/string.c lib/status.c lib/format.c
UNIT_test_sums       := kexec/digest/sums.c kexec/digest/sha256.c lib/string.c \
	lib/status.c lib/format.c
UNIT_test_tables     := efi/config/config.c efi/tables.c efi/quirk.c efi/quirks/quirks.c \
	efi/quirks/free_memory.c efi/quirks/vendor.c efi/services/properties.c efi/protect/attributes.c efi/region.c efi/names.c \
	mm/page_table.c lib/memory_map.c lib/crc32.c lib/log.c lib/string.c \
	lib/status.c lib/format.c
UNIT_test_quirk      := efi/quirk.c efi/tables.c efi/names.c lib/crc32.c lib/log.c lib/string.c \
	lib/status.c lib/format.c
UNIT_test_efi_space  := efi/space.c efi/firmware.c efi/guard/memory.c efi/guard/verify.c efi/region.c efi/protect/attributes.c efi/names.c mm/page_table.c \
	lib/memory_map.c lib/log.c lib/string.c lib/status.c lib/format.c
UNIT_test_services   := efi/services.c efi/services/rest.c efi/firmware.c efi/names.c mm/page_table.c \
	lib/log.c lib/string.c lib/status.c lib/format.c
UNIT_test_smbios     := kernel/smbios/smbios.c lib/status.c lib/format.c
UNIT_test_acpi       := kernel/acpi/acpi.c lib/status.c lib/format.c
# The rules of efi/policies; its other files map.
POLICIES             := efi/policies/offset.c efi/policies/runs.c
UNIT_test_region     := efi/region.c boot/node.c kexec/linux/mode.c efi/width.c efi/mode.c $(wildcard efi/modes/*.c) $(POLICIES) mm/random/random.c lib/memory_map.c lib/log.c \
	lib/string.c lib/status.c lib/format.c
UNIT_test_interrupts := kernel/arrival/interrupts.c lib/status.c lib/format.c
UNIT_test_nmi        := kernel/nmi/attach.c kernel/nmi/nmi.c lib/log.c lib/string.c lib/status.c lib/format.c
UNIT_test_watchdog   := kernel/watchdog/watchdog.c kernel/nmi/nmi.c
UNIT_test_clock      := kernel/timer/clock.c kernel/clocks/clocks.c
UNIT_test_pointers   := efi/guard/pointers.c efi/firmware.c lib/status.c lib/format.c
UNIT_test_timer      := kernel/timer/timer.c lib/log.c lib/string.c lib/status.c lib/format.c
UNIT_test_keyboard   := kernel/screen/keyboard.c
UNIT_test_serial     := kernel/serial.c
UNIT_test_deadline   := efi/guard/deadline.c lib/options.c lib/string.c \
	lib/status.c lib/format.c
UNIT_test_decode     := efi/isolate/decode.c
UNIT_test_names      := efi/names.c
UNIT_test_variables  := efi/services/variables.c efi/names.c efi/services/utf16.c lib/string.c \
	lib/status.c lib/format.c
UNIT_test_record     := efi/firmware.c kernel/pstore/record.c kernel/pstore/parts.c efi/services/variables.c efi/names.c \
	kernel/history/log_ring.c kernel/report/lines.c lib/crc32.c efi/services/utf16.c lib/log.c lib/string.c lib/status.c lib/format.c
UNIT_test_verdict    :=
UNIT_test_line       := kernel/monitor/line.c lib/string.c lib/format.c
UNIT_test_screen     := kernel/screen/screen.c lib/memory_map.c lib/string.c \
	lib/status.c lib/format.c
UNIT_test_log_ring   := kernel/history/log_ring.c lib/crc32.c lib/status.c lib/format.c

UNIT_OUT    := build/unit
UNIT_CC     ?= gcc
UNIT_CFLAGS := -std=gnu11 -g -O1 -Wall -Wextra -Werror -I. -MMD -MP \
	-fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer

UNIT_TESTS    := $(if $(filter file,$(origin UNIT_ONLY)),$(UNIT_ONLY),\
	$(sort $(patsubst UNIT_%,%,$(filter UNIT_test_%,$(.VARIABLES)))))
UNIT_PROGRAMS := $(UNIT_TESTS:%=$(UNIT_OUT)/%)
UNIT_SOURCES  := $(sort $(foreach test,$(UNIT_TESTS),$(UNIT_$(test))) \
	$(UNIT_TESTS:%=tests/unit/%.c) $(UNIT_MORE))
UNIT_OBJECTS  := $(UNIT_SOURCES:%.c=$(UNIT_OUT)/%.o)

.PHONY: unit
unit: $(UNIT_PROGRAMS)

$(foreach test,$(UNIT_TESTS),$(eval $(UNIT_OUT)/$(test): \
	$(patsubst %.c,$(UNIT_OUT)/%.o,tests/unit/$(test).c $(UNIT_$(test)))))

$(UNIT_PROGRAMS): $(UNIT_OUT)/tables.ld
	@echo "  LINK  $@"
	@$(UNIT_CC) $(UNIT_CFLAGS) $(filter %.o,$^) -lcmocka -T $(UNIT_OUT)/tables.ld -o $@

# The tables of lib/table.h, as an addition to the host's own linker script.
$(UNIT_OUT)/tables.ld: lib/tables.ld tests/unit/unit.mk
	@mkdir -p $(@D)
	@{ echo 'SECTIONS { .tables : {'; $(UNIT_CC) -E -P -x c $<; \
		echo '} } INSERT AFTER .rodata;'; } > $@

$(UNIT_OBJECTS): $(UNIT_OUT)/%.o: %.c tests/unit/unit.mk
	@mkdir -p $(@D)
	@echo "  HOST  $<"
	@$(UNIT_CC) $(UNIT_CFLAGS) $(UNIT_RENAME_$*) -c $< -o $@

# On the host the standard names belong to the C library, which the sanitizers
# watch; ours get names of their own.
UNIT_RENAME_lib/string := $(foreach name,memcpy memmove memset memcmp strlen \
	strnlen strncmp,-D$(name)=baton_$(name)) -fno-builtin

# The machine behind these is a test.
$(foreach source,kernel/watchdog/watchdog kernel/nmi/nmi kernel/timer/clock kernel/timer/timer kernel/clocks/clocks kernel/serial kernel/screen/keyboard\
	kernel/arrival/interrupts mm/early efi/space efi/guard/memory efi/services efi/services/rest,\
	$(eval UNIT_RENAME_$(source) := -iquote tests/unit/machine))

-include $(UNIT_OBJECTS:.o=.d)
