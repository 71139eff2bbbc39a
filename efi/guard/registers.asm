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
%include "efi/guard/registers.inc"

COMPARED_BYTES  equ snapshot.xmm - snapshot.cr0

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
    mov [rel %1 + snapshot.cr0], ecx
    mov rcx, cr4
    mov [rel %1 + snapshot.cr4], ecx
    mov rcx, cr8                ; which interrupts the APIC lets pass
    mov [rel %1 + snapshot.cr8], cx
    mov [rel %1 + snapshot.cs], cs
    mov [rel %1 + snapshot.ss], ss
    mov [rel %1 + snapshot.ds], ds
    mov [rel %1 + snapshot.es], es
    mov [rel %1 + snapshot.fs], fs
    mov [rel %1 + snapshot.gs], gs
    stmxcsr [rel %1 + snapshot.mxcsr] ; 32 bits: half of them is overwritten
    fnstcw [rel %1 + snapshot.fcw]
    sgdt [rel %1 + snapshot.gdtr]
    str [rel %1 + snapshot.tr]
    sidt [rel %1 + snapshot.idtr]
    mov rcx, dr7
    mov [rel %1 + snapshot.dr7], ecx
    mov ecx, MSR_EFER
    rdmsr
    mov [rel %1 + snapshot.efer], eax
    mov ecx, MSR_PAT
    rdmsr
    mov [rel %1 + snapshot.pat], eax
    mov [rel %1 + snapshot.pat + 4], edx
    movaps xmm0, xmm6
%assign n 7
%rep 9
    pxor xmm0, xmm %+ n
%assign n n + 1
%endrep
    movups [rel %1 + snapshot.xmm_sum], xmm0
    and word [rel %1 + snapshot.mxcsr], MXCSR_KEPT
%endmacro

; Goes on at .changed if a register is not what the record says.
%macro KEPT 2
    cmp %1, [r8 + %2]
    jne .changed
%endmacro

section .text

guard_enter:                    ; rax: the record
    add rsp, 8                  ; the way back is gate_home, or gate_recover
    call [rax + gate_call.function]
    mov r8, [rel gate_current]
    mov [r8 + gate_call.status], rax
    KEPT rbx, gate_call.saved.rbx
    KEPT rbp, gate_call.saved.rbp
    KEPT rsi, gate_call.saved.rsi
    KEPT rdi, gate_call.saved.rdi
    KEPT r12, gate_call.saved.r12
    KEPT r13, gate_call.saved.r13
    KEPT r14, gate_call.saved.r14
    KEPT r15, gate_call.saved.r15
    KEPT rsp, gate_call.stack_top ; so from here on there is a stack
    mov rcx, cr3
    KEPT rcx, gate_call.table_pa
    pushfq
    pop rcx
    mov rdx, [r8 + gate_call.kernel_rsp] ; where the kernel's flags are
    xor rcx, [rdx]
    test ecx, RFLAGS_KEPT
    jnz .changed
    NOTE_MACHINE guard_after
    lea rsi, [rel guard_before + snapshot.cr0]
    lea rdi, [rel guard_after + snapshot.cr0]
    mov ecx, COMPARED_BYTES / 8
    repe cmpsq
    je gate_home
    mov rsi, [r8 + gate_call.saved.rsi]
    mov rdi, [r8 + gate_call.saved.rdi]

.changed:                       ; registers.c finds out which ones
    mov [rel guard_after + snapshot.kept.rbx], rbx
    mov [rel guard_after + snapshot.kept.rbp], rbp
    mov [rel guard_after + snapshot.kept.rsi], rsi
    mov [rel guard_after + snapshot.kept.rdi], rdi
    mov [rel guard_after + snapshot.kept.r12], r12
    mov [rel guard_after + snapshot.kept.r13], r13
    mov [rel guard_after + snapshot.kept.r14], r14
    mov [rel guard_after + snapshot.kept.r15], r15
    mov [rel guard_after + snapshot.rsp], rsp
    mov rsp, [r8 + gate_call.kernel_rsp] ; all tables map the kernel's stack
    pushfq
    cli                         ; until the tables for an interrupt are ours
    pop qword [rel guard_after + snapshot.rflags]
    and dword [rel guard_after + snapshot.rflags], RFLAGS_KEPT
    mov rcx, [rsp]              ; the kernel's flags
    and ecx, RFLAGS_KEPT
    mov [rel guard_before + snapshot.rflags], rcx
    mov rcx, cr3
    mov [rel guard_after + snapshot.cr3], rcx
    NOTE_MACHINE guard_after
%assign n 6
%rep 10
    movups [rel guard_after + snapshot.xmm + 16 * (n - 6)], xmm %+ n
%assign n n + 1
%endrep
    mov dword [r8 + gate_call.outcome], GATE_CHANGED
    or qword [r8 + gate_call.expected], -1 ; GATE_LOOK
guard_recover:                  ; nothing is known but memory
    cld
    mov rax, [rel gate_current]
    mov rsp, [rax + gate_call.kernel_rsp]
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
    movups xmm %+ n, [rel guard_before + snapshot.xmm + 16 * (n - 6)]
%assign n n + 1
%endrep
    ret
