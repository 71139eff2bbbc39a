# The driver that misbehaves, loaded by tests/boot/test_sins.py: build/sins.efi
# for 64-bit firmware, build/sins32.efi for 32-bit.
#
# EDK II loads a driver at the address to which it was linked, if that is free
# and not below 1 MiB. Such a driver is never relocated, not even by
# SetVirtualAddressMap, which is one of the sins (*-unmoved.efi); the others are
# linked to an address where nothing is loaded.

FIRMWARE     := tests/firmware
FIRMWARE_OUT := $(OUT)/firmware
FIRMWARE_CFLAGS := -std=gnu11 -O1 -Wall -Wextra -Werror -ffreestanding \
	-fshort-wchar -mno-red-zone -mno-stack-arg-probe -fno-stack-protector
FIRMWARE_LDFLAGS := -subsystem:efi_runtime_driver -driver -entry:start \
	-nodefaultlib -align:4096 -brepro

SINS := $(addprefix $(OUT)/,sins.efi sins-unmoved.efi sins32.efi \
	sins32-unmoved.efi)
test test-all coverage sins: $(SINS)

# Word size, clang's options, NASM's, the linker's.
define FIRMWARE_OF_WIDTH
$(FIRMWARE_OUT)/$(1)/%.obj: $(FIRMWARE)/%.c $(wildcard $(FIRMWARE)/*.h) \
		$(FIRMWARE)/firmware.mk
	@mkdir -p $$(@D)
	@clang $(2) $(FIRMWARE_CFLAGS) -c $$< -o $$@

$(FIRMWARE_OUT)/$(1)/%.obj: $(FIRMWARE)/%.asm $(FIRMWARE)/firmware.mk
	@mkdir -p $$(@D)
	@$(NASM) $(3) -Werror $$< -o $$@

$(OUT)/sins$(1:64=).efi: BASE := 0x10000
$(OUT)/sins$(1:64=)-unmoved.efi: BASE := 0x400000
$(OUT)/sins$(1:64=).efi $(OUT)/sins$(1:64=)-unmoved.efi: $(addprefix \
		$(FIRMWARE_OUT)/$(1)/,driver.obj sins.obj registers.obj)
	@echo "  EFI   $$@"
	@lld-link $(4) $(FIRMWARE_LDFLAGS) -base:$$(BASE) -out:$$@ $$^
endef

$(eval $(call FIRMWARE_OF_WIDTH,64,--target=x86_64-unknown-windows,-f win64))
$(eval $(call FIRMWARE_OF_WIDTH,32,--target=i686-unknown-windows -mno-sse,-f \
	win32 --gprefix _,-safeseh:no))
