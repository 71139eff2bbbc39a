; The call gate's inside: see efi/gate.h for what it promises.
;
; The order of things is the whole point:
;
;   1. save the kernel's registers on the kernel's stack, and where that stack
;      is in memory: after the call no register can be trusted to know
;   2. change page table and stack, in that order (both map this code)
;   3. set the state of UEFI 2.10 §2.3.4, note it, and call
;   4. take back the stack first, for nothing may touch a stack before that,
;      then note what the firmware left, then put everything back
;
; A fault in the firmware continues at gate_recover, with any registers.

global gate_enter, gate_recover
extern gate_current             ; struct gate_call *, in gate.c

FUNCTION        equ 0x00
ARGUMENT        equ 0x08
TABLE           equ 0x30
STACK_TOP       equ 0x38
STATUS          equ 0x40
KERNEL_RSP      equ 0x48
KERNEL_TABLE    equ 0x50
BEFORE          equ 0x58
AFTER           equ 0xd8

; What the MS x64 calling convention reserves for the four register arguments,
; and the fifth one above it; 16-byte aligned together (UEFI 2.10 §2.3.4.2).
SHADOW          equ 32
FRAME           equ SHADOW + 16

; Notes all registers that the firmware must preserve at [rax + %1]; uses rcx.
%macro NOTE_REGISTERS 1
    mov [rax + %1 + 0x00], rbx
    mov [rax + %1 + 0x08], rbp
    mov [rax + %1 + 0x10], rsi
    mov [rax + %1 + 0x18], rdi
    mov [rax + %1 + 0x20], r12
    mov [rax + %1 + 0x28], r13
    mov [rax + %1 + 0x30], r14
    mov [rax + %1 + 0x38], r15
    mov rcx, cr0
    mov [rax + %1 + 0x50], rcx
    mov rcx, cr3
    mov [rax + %1 + 0x58], rcx
    mov rcx, cr4
    mov [rax + %1 + 0x60], rcx
    mov [rax + %1 + 0x68], ss
    mov [rax + %1 + 0x6a], ds
    mov [rax + %1 + 0x6c], es
    mov [rax + %1 + 0x6e], fs
    mov [rax + %1 + 0x70], gs
    stmxcsr [rax + %1 + 0x78]
    fnstcw [rax + %1 + 0x7c]
%endmacro

section .text

gate_enter:
    pushfq
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov rax, [rel gate_current]
    mov [rax + KERNEL_RSP], rsp

    mov rcx, [rax + TABLE]
    cmp rcx, [rax + KERNEL_TABLE]
    je .same_table              ; writing CR3 empties the TLB even then
    mov cr3, rcx
.same_table:
    mov rsp, [rax + STACK_TOP]
    sub rsp, FRAME

    fninit                      ; x87 control word 0x037f
    ldmxcsr [rel mxcsr]
    cld
    NOTE_REGISTERS BEFORE
    mov [rax + BEFORE + 0x40], rsp
    pushfq
    pop qword [rax + BEFORE + 0x48]

    mov rcx, [rax + ARGUMENT + 0x20]
    mov [rsp + SHADOW], rcx
    mov rcx, [rax + ARGUMENT + 0x00]
    mov rdx, [rax + ARGUMENT + 0x08]
    mov r8, [rax + ARGUMENT + 0x10]
    mov r9, [rax + ARGUMENT + 0x18]
    call [rax + FUNCTION]

    mov rdx, rax                ; the EFI_STATUS
    mov rax, [rel gate_current]
    mov [rax + STATUS], rdx
    mov [rax + AFTER + 0x40], rsp
    mov rsp, [rax + KERNEL_RSP]
    pushfq
    pop qword [rax + AFTER + 0x48]
    NOTE_REGISTERS AFTER

    ; Only what differs is written back: writing control registers is slow, and
    ; it has side effects.
    mov rcx, [rax + BEFORE + 0x50]
    cmp rcx, [rax + AFTER + 0x50]
    jne gate_recover
    mov rcx, [rax + BEFORE + 0x60]
    cmp rcx, [rax + AFTER + 0x60]
    jne gate_recover
    mov rcx, [rax + BEFORE + 0x68]
    cmp rcx, [rax + AFTER + 0x68]
    jne gate_recover
    mov rcx, [rax + AFTER + 0x58]
    cmp rcx, [rax + KERNEL_TABLE]
    je .restored
    mov rcx, [rax + KERNEL_TABLE]
    mov cr3, rcx
.restored:
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    popfq
    ret

gate_recover:                   ; nothing is known but memory
    mov rax, [rel gate_current]
    mov rsp, [rax + KERNEL_RSP]
    mov rcx, [rax + BEFORE + 0x50]
    mov cr0, rcx
    mov rcx, [rax + BEFORE + 0x60]
    mov cr4, rcx
    mov rcx, [rax + KERNEL_TABLE]
    mov cr3, rcx
    mov ss, [rax + BEFORE + 0x68]
    mov ds, [rax + BEFORE + 0x6a]
    mov es, [rax + BEFORE + 0x6c]
    mov fs, [rax + BEFORE + 0x6e]
    mov gs, [rax + BEFORE + 0x70]
    jmp gate_enter.restored

section .rodata align=4
mxcsr:
    dd 0x1f80                   ; all exceptions masked, round to nearest
