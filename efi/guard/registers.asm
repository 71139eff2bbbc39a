; The register guard: goes around each call, and sees whether the firmware has
; kept every register that it has to keep.
;
; Good firmware changes none: that is found in some 80 instructions, and the
; way is home. Otherwise all registers are noted as they are, for C to compare,
; and what the machine had before is restored. A call that is ended continues
; at guard_recover.

global guard_enter, guard_recover, guard_note_machine, guard_load_xmm
extern gate_current, gate_home, gate_mxcsr, gate_recover
extern guard_restore            ; registers.c
extern guard_before, guard_after ; struct snapshot

%include "efi/gate.inc"

RBX_NOTE        equ 0x00        ; struct snapshot; registers.c asserts it
RBP_NOTE        equ 0x08
RSI_NOTE        equ 0x10
RDI_NOTE        equ 0x18
R12_NOTE        equ 0x20
R13_NOTE        equ 0x28
R14_NOTE        equ 0x30
R15_NOTE        equ 0x38
RSP_NOTE        equ 0x40
RFLAGS_NOTE     equ 0x48
CR3_NOTE        equ 0x50
CR0_NOTE        equ 0x58        ; from here on: the same before all calls
CR4_NOTE        equ 0x5c
SS_NOTE         equ 0x60
DS_NOTE         equ 0x62
ES_NOTE         equ 0x64
FS_NOTE         equ 0x66
GS_NOTE         equ 0x68
MXCSR_NOTE      equ 0x6a        ; its upper half is reserved
FCW_NOTE        equ 0x6c
CR8_NOTE        equ 0x6e
GDTR_NOTE       equ 0x70
TR_NOTE         equ 0x7a
EFER_NOTE       equ 0x7c
IDTR_NOTE       equ 0x80
CS_NOTE         equ 0x8a
DR7_NOTE        equ 0x8c
PAT_NOTE        equ 0x90
XMM_SUM_NOTE    equ 0x98
XMM_NOTE        equ 0xa8        ; ten of 16 bytes
COMPARED_BYTES  equ XMM_NOTE - CR0_NOTE

MSR_PAT         equ 0x277
MSR_EFER        equ 0xc0000080

; What the calling convention keeps: not the arithmetic flags, and not the
; sticky exception flags of the MXCSR.
RFLAGS_KEPT     equ 0x47700     ; TF, IF, DF, IOPL, NT, AC
MXCSR_KEPT      equ 0xffc0

; Notes what is the same before all calls: uses rax, rcx, rdx, xmm0. XMM6 to
; XMM15 belong to the caller, but the kernel has nothing in them: so they hold
; numbers that no one else would put there, and their exclusive or shows
; whether one was changed.
%macro NOTE_MACHINE 1
    mov rcx, cr0
    mov [rel %1 + CR0_NOTE], ecx
    mov rcx, cr4
    mov [rel %1 + CR4_NOTE], ecx
    mov rcx, cr8                ; which interrupts the APIC lets pass
    mov [rel %1 + CR8_NOTE], cx
    mov [rel %1 + CS_NOTE], cs
    mov [rel %1 + SS_NOTE], ss
    mov [rel %1 + DS_NOTE], ds
    mov [rel %1 + ES_NOTE], es
    mov [rel %1 + FS_NOTE], fs
    mov [rel %1 + GS_NOTE], gs
    stmxcsr [rel %1 + MXCSR_NOTE] ; 32 bits: half of them is overwritten
    fnstcw [rel %1 + FCW_NOTE]
    sgdt [rel %1 + GDTR_NOTE]
    str [rel %1 + TR_NOTE]
    sidt [rel %1 + IDTR_NOTE]
    mov rcx, dr7
    mov [rel %1 + DR7_NOTE], ecx
    mov ecx, MSR_EFER
    rdmsr
    mov [rel %1 + EFER_NOTE], eax
    mov ecx, MSR_PAT
    rdmsr
    mov [rel %1 + PAT_NOTE], eax
    mov [rel %1 + PAT_NOTE + 4], edx
    movaps xmm0, xmm6
%assign n 7
%rep 9
    pxor xmm0, xmm %+ n
%assign n n + 1
%endrep
    movups [rel %1 + XMM_SUM_NOTE], xmm0
    and word [rel %1 + MXCSR_NOTE], MXCSR_KEPT
%endmacro

; Goes on at .changed if a register is not what the record says.
%macro KEPT 2
    cmp %1, [r8 + %2]
    jne .changed
%endmacro

section .text

guard_enter:                    ; rax: the record
    add rsp, 8                  ; the way back is gate_home, or gate_recover
    call [rax + FUNCTION]
    mov r8, [rel gate_current]
    mov [r8 + STATUS], rax
    KEPT rbx, SAVED_RBX
    KEPT rbp, SAVED_RBP
    KEPT rsi, SAVED_RSI
    KEPT rdi, SAVED_RDI
    KEPT r12, SAVED_R12
    KEPT r13, SAVED_R13
    KEPT r14, SAVED_R14
    KEPT r15, SAVED_R15
    KEPT rsp, STACK_TOP         ; so from here on there is a stack
    mov rcx, cr3
    KEPT rcx, TABLE
    pushfq
    pop rcx
    mov rdx, [r8 + KERNEL_RSP]  ; where the kernel's flags are
    xor rcx, [rdx]
    test ecx, RFLAGS_KEPT
    jnz .changed
    NOTE_MACHINE guard_after
    lea rsi, [rel guard_before + CR0_NOTE]
    lea rdi, [rel guard_after + CR0_NOTE]
    mov ecx, COMPARED_BYTES / 8
    repe cmpsq
    je gate_home
    mov rsi, [r8 + SAVED_RSI]
    mov rdi, [r8 + SAVED_RDI]

.changed:                       ; registers.c finds out which ones
    mov [rel guard_after + RBX_NOTE], rbx
    mov [rel guard_after + RBP_NOTE], rbp
    mov [rel guard_after + RSI_NOTE], rsi
    mov [rel guard_after + RDI_NOTE], rdi
    mov [rel guard_after + R12_NOTE], r12
    mov [rel guard_after + R13_NOTE], r13
    mov [rel guard_after + R14_NOTE], r14
    mov [rel guard_after + R15_NOTE], r15
    mov [rel guard_after + RSP_NOTE], rsp
    mov rsp, [r8 + KERNEL_RSP]  ; all tables map the kernel's stack
    pushfq
    cli                         ; until the tables for an interrupt are ours
    pop qword [rel guard_after + RFLAGS_NOTE]
    and dword [rel guard_after + RFLAGS_NOTE], RFLAGS_KEPT
    mov rcx, [rsp]              ; the kernel's flags
    and ecx, RFLAGS_KEPT
    mov [rel guard_before + RFLAGS_NOTE], rcx
    mov rcx, cr3
    mov [rel guard_after + CR3_NOTE], rcx
    NOTE_MACHINE guard_after
%assign n 6
%rep 10
    movups [rel guard_after + XMM_NOTE + 16 * (n - 6)], xmm %+ n
%assign n n + 1
%endrep
    mov dword [r8 + OUTCOME], CHANGED
    or qword [r8 + EXPECTED], -1 ; GATE_LOOK
guard_recover:                  ; nothing is known but memory
    cld
    mov rax, [rel gate_current]
    mov rsp, [rax + KERNEL_RSP]
    call guard_restore
    jmp gate_recover

guard_note_machine:
    call guard_load_xmm
    fninit                      ; x87 control word 0x037f
    ldmxcsr [rel gate_mxcsr]
    NOTE_MACHINE guard_before
    ret

guard_load_xmm:
%assign n 6
%rep 10
    movups xmm %+ n, [rel guard_before + XMM_NOTE + 16 * (n - 6)]
%assign n n + 1
%endrep
    ret
