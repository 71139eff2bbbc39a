# The driver that misbehaves: build/sins.efi, loaded by tests/boot/test_sins.py.

FIRMWARE     := tests/firmware
FIRMWARE_OUT := $(OUT)/firmware
FIRMWARE_CFLAGS := --target=x86_64-unknown-windows -std=gnu11 -O1 -Wall \
	-Wextra -Werror -ffreestanding -fshort-wchar -mno-red-zone \
	-mno-stack-arg-probe -fno-stack-protector

$(FIRMWARE_OUT)/%.obj: $(FIRMWARE)/%.c $(wildcard $(FIRMWARE)/*.h) \
		$(FIRMWARE)/firmware.mk
	@mkdir -p $(@D)
	@clang $(FIRMWARE_CFLAGS) -c $< -o $@

$(FIRMWARE_OUT)/%.obj: $(FIRMWARE)/%.asm $(FIRMWARE)/firmware.mk
	@mkdir -p $(@D)
	@$(NASM) -f win64 -Werror $< -o $@

$(OUT)/sins.efi: $(addprefix $(FIRMWARE_OUT)/,driver.obj sins.obj registers.obj)
	@echo "  EFI   $@"
	@lld-link -subsystem:efi_runtime_driver -driver -entry:start -nodefaultlib \
		-align:4096 -brepro -out:$@ $^
