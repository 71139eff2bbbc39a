; The point of no return: kexec_jump(entry_pa, params_pa, table_pa).
;
; What the 64-bit boot protocol of Linux asks for (boot.rst): long mode, the
; image and its data mapped 1:1, flat segments with selectors 0x10 and 0x18,
; interrupts off, rsi = boot_params. This code runs at its usual address until
; the jump itself. Of this kernel, the new table maps section .head alone: after
; the change of CR3 there is no stack, and no data, but what an early hook has
; (boot/entry.asm).

extern early_hooks, early_gdt_pointer
global kexec_jump

CR4_PAE        equ 1 << 5
CR4_LA57       equ 1 << 12      ; stays: it cannot change in long mode
CR0_PE_ET_NE_PG equ 0x80000031

section .head progbits alloc exec nowrite
kexec_jump:
    cli
    cld
    lgdt [rel early_gdt_pointer]
    call early_hooks            ; a fault from here on resets the machine
    mov cr3, rdx
    mov rax, cr4
    and eax, CR4_PAE | CR4_LA57 ; without SMEP, SMAP: the image is not ready yet
    mov cr4, rax
    mov eax, CR0_PE_ET_NE_PG    ; without WP
    mov cr0, rax

    mov rax, rdi
    xor ebx, ebx
    xor ecx, ecx
    xor edx, edx
    xor edi, edi
    xor ebp, ebp
    xor r8d, r8d
    xor r9d, r9d
    xor r10d, r10d
    xor r11d, r11d
    xor r12d, r12d
    xor r13d, r13d
    xor r14d, r14d
    xor r15d, r15d
global kexec_last_instruction
kexec_last_instruction:
    jmp rax
