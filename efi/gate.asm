; The call gate's inside: see efi/gate.h for what it promises.
;
; The order of things is the whole point:
;
;   1. note the kernel's registers in memory, and where its stack is: after the
;      call no register can be trusted to know
;   2. change page table and stack, in that order (both map this code)
;   3. set the state of UEFI 2.10 §2.3.4, note it, and call
;   4. hold what the firmware left against the notes, and take back the stack,
;      before anything touches one. If all is as it was, nothing has to be put
;      back: that is the way which every call goes with good firmware
;   5. else note what it left, then put everything back
;
; A fault in the firmware continues at gate_recover, with any registers.

%include "layout.inc"

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
OUTCOME         equ 0x158

GATE_CHANGED    equ 1

; The bits that the calling convention keeps: registers[] in gate.c.
RFLAGS_KEPT     equ 0x47700
MXCSR_KEPT      equ 0xffc0

; What the kernel's segment registers always hold (ss, ds, es; fs and gs are
; null), and what UEFI asks of the FPU: all exceptions masked, round to nearest.
SEGMENTS        equ KERNEL_DS << 32 | KERNEL_DS << 16 | KERNEL_DS
MXCSR_INIT      equ 0x1f80
FPU_INIT        equ 0x037f      ; the x87 control word, by fninit

; What the MS x64 calling convention reserves for the four register arguments,
; and the fifth one above it; 16-byte aligned together (UEFI 2.10 §2.3.4.2).
SHADOW          equ 32
FRAME           equ SHADOW + 16

; Notes the registers that the firmware must preserve at [rax + %1].
%macro NOTE_GENERAL 1
    mov [rax + %1 + 0x00], rbx
    mov [rax + %1 + 0x08], rbp
    mov [rax + %1 + 0x10], rsi
    mov [rax + %1 + 0x18], rdi
    mov [rax + %1 + 0x20], r12
    mov [rax + %1 + 0x28], r13
    mov [rax + %1 + 0x30], r14
    mov [rax + %1 + 0x38], r15
%endmacro

%macro NOTE_SEGMENTS 1
    mov [rax + %1 + 0x68], ss
    mov [rax + %1 + 0x6a], ds
    mov [rax + %1 + 0x6c], es
    mov [rax + %1 + 0x6e], fs
    mov [rax + %1 + 0x70], gs
%endmacro

%macro NOTE_FPU 1
    stmxcsr [rax + %1 + 0x78]
    fnstcw [rax + %1 + 0x7c]
%endmacro

; Is register %1 what it was, by the note at BEFORE + %2?
%macro SAME 2
    cmp %1, [rax + BEFORE + %2]
    jne changed
%endmacro

section .text

gate_enter:
    mov rax, [rel gate_current]
    NOTE_GENERAL BEFORE
    pushfq
    pop qword [rax + BEFORE + 0x48]
    mov [rax + KERNEL_RSP], rsp

    mov rcx, [rax + TABLE]
    cmp rcx, [rax + KERNEL_TABLE]
    je .same_table              ; writing CR3 empties the TLB even then
    mov cr3, rcx
.same_table:
    mov rsp, [rax + STACK_TOP]
    sub rsp, FRAME

    fninit
    ldmxcsr [rel mxcsr]
    cld
    mov rcx, cr0
    mov [rax + BEFORE + 0x50], rcx
    mov rcx, cr4
    mov [rax + BEFORE + 0x60], rcx

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
    lea rcx, [rsp + FRAME]
    mov rsp, [rax + KERNEL_RSP]
    pushfq
    pop qword [rax + AFTER + 0x48]

    cmp rcx, [rax + STACK_TOP]
    jne changed
    mov rcx, [rax + AFTER + 0x48]
    xor rcx, [rax + BEFORE + 0x48]
    test ecx, RFLAGS_KEPT
    jnz changed
    SAME rbx, 0x00
    SAME rbp, 0x08
    SAME rsi, 0x10
    SAME rdi, 0x18
    SAME r12, 0x20
    SAME r13, 0x28
    SAME r14, 0x30
    SAME r15, 0x38
    mov rcx, cr0
    SAME rcx, 0x50
    mov rcx, cr4
    SAME rcx, 0x60
    NOTE_SEGMENTS AFTER
    mov rcx, SEGMENTS
    cmp rcx, [rax + AFTER + 0x68]
    jne changed
    cmp word [rax + AFTER + 0x70], 0
    jne changed
    NOTE_FPU AFTER
    cmp word [rax + AFTER + 0x7c], FPU_INIT
    jne changed
    mov ecx, [rax + AFTER + 0x78]
    and ecx, MXCSR_KEPT
    cmp ecx, MXCSR_INIT
    jne changed
    mov rcx, cr3
    cmp rcx, [rax + TABLE]
    jne changed
    cmp rcx, [rax + KERNEL_TABLE]
    je .home
    mov rcx, [rax + KERNEL_TABLE]
    mov cr3, rcx
.home:
    ret

changed:                        ; rsp is the kernel's, rsp and rflags are noted
    NOTE_GENERAL AFTER
    mov rcx, cr0
    mov [rax + AFTER + 0x50], rcx
    mov rcx, cr3
    mov [rax + AFTER + 0x58], rcx
    mov rcx, cr4
    mov [rax + AFTER + 0x60], rcx
    NOTE_SEGMENTS AFTER
    NOTE_FPU AFTER
    mov dword [rax + OUTCOME], GATE_CHANGED

    mov rcx, [rax + STACK_TOP]  ; and what it was, where that is plain
    sub rcx, FRAME
    mov [rax + BEFORE + 0x40], rcx
    mov rcx, [rax + TABLE]
    mov [rax + BEFORE + 0x58], rcx
    mov rcx, SEGMENTS
    mov [rax + BEFORE + 0x68], rcx
    mov word [rax + BEFORE + 0x70], 0
    mov dword [rax + BEFORE + 0x78], MXCSR_INIT
    mov word [rax + BEFORE + 0x7c], FPU_INIT

    ; Only what differs is written back: writing control registers is slow, and
    ; it has side effects.
    mov rcx, [rax + BEFORE + 0x50]
    cmp rcx, [rax + AFTER + 0x50]
    jne gate_recover
    mov rcx, [rax + BEFORE + 0x60]
    cmp rcx, [rax + AFTER + 0x60]
    jne gate_recover
    mov rcx, [rax + AFTER + 0x68]
    cmp rcx, [rax + BEFORE + 0x68]
    jne gate_recover
    cmp word [rax + AFTER + 0x70], 0
    je restore_general

gate_recover:                   ; nothing is known but memory
    mov rax, [rel gate_current]
    mov rsp, [rax + KERNEL_RSP]
    mov rcx, [rax + BEFORE + 0x50]
    mov cr0, rcx
    mov rcx, [rax + BEFORE + 0x60]
    mov cr4, rcx
    mov ecx, KERNEL_DS
    mov ss, ecx
    mov ds, ecx
    mov es, ecx
    xor ecx, ecx
    mov fs, ecx
    mov gs, ecx

restore_general:
    mov rcx, [rax + KERNEL_TABLE]
    mov cr3, rcx
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
    dd MXCSR_INIT
