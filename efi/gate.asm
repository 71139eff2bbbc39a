; The call gate's inside: see efi/gate.h for what it promises.
;
; The order of things is the whole point:
;
;   1. note the kernel's registers in memory, and where its stack is: after the
;      call no register can be trusted to know
;   2. change page table and stack, in that order (both map this code)
;   3. set the state of UEFI 2.10 §2.3.4, note it, and call
;   4. take back the stack first, for nothing may touch one before that, and
;      note what the firmware left
;   5. if the two notes are alike, as they are with good firmware, nothing has
;      to be put back: no register has changed
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
AFTER           equ 0xd0
REGISTERS       equ (AFTER - BEFORE) / 8
OUTCOME         equ 0x148

CHANGED         equ 1           ; GATE_CHANGED

; What the calling convention keeps: not the arithmetic flags, and not the
; sticky exception flags of the MXCSR.
RFLAGS_KEPT     equ 0x47700     ; TF, IF, DF, IOPL, NT, AC
MXCSR_KEPT      equ 0xffc0

; What the MS x64 calling convention reserves for the four register arguments,
; and the fifth one above it; 16-byte aligned together (UEFI 2.10 §2.3.4.2).
SHADOW          equ 32
FRAME           equ SHADOW + 16

; Notes all registers that the firmware must preserve at [rax + %1], but for
; rsp and rflags; uses rcx.
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
    fnstcw [rax + %1 + 0x72]
    stmxcsr [rax + %1 + 0x74]
%endmacro

section .text

gate_enter:
    mov rax, [rel gate_current]
    pushfq
    pop qword [rax + BEFORE + 0x48]
    and qword [rax + BEFORE + 0x48], RFLAGS_KEPT
    mov [rax + KERNEL_RSP], rsp

    mov rcx, [rax + TABLE]
    cmp rcx, [rax + KERNEL_TABLE]
    je .same_table              ; writing CR3 empties the TLB even then
    mov cr3, rcx
.same_table:
    mov rsp, [rax + STACK_TOP]
    sub rsp, FRAME

    fninit                      ; x87 control word 0x037f
    ldmxcsr [rel mxcsr]         ; and the direction flag is clear in C
    NOTE_REGISTERS BEFORE
    mov [rax + BEFORE + 0x40], rsp

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
    and qword [rax + AFTER + 0x48], RFLAGS_KEPT
    cld
    NOTE_REGISTERS AFTER
    and dword [rax + AFTER + 0x74], MXCSR_KEPT

    lea rsi, [rax + BEFORE]
    lea rdi, [rax + AFTER]
    mov ecx, REGISTERS
    repe cmpsq
    jne changed
    mov rcx, [rax + KERNEL_TABLE]
    cmp rcx, [rax + TABLE]
    je .home
    mov cr3, rcx
.home:
    ret

changed:
    mov dword [rax + OUTCOME], CHANGED
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
    mov rbx, [rax + BEFORE + 0x00]
    mov rbp, [rax + BEFORE + 0x08]
    mov r12, [rax + BEFORE + 0x20]
    mov r13, [rax + BEFORE + 0x28]
    mov r14, [rax + BEFORE + 0x30]
    mov r15, [rax + BEFORE + 0x38]
    push qword [rax + BEFORE + 0x48]
    popfq
    ret

section .rodata align=4
mxcsr:
    dd 0x1f80                   ; all exceptions masked, round to nearest
