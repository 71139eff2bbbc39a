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

global gate_enter, gate_recover, gate_note_machine
extern gate_current             ; struct gate_call *, in gate.c
extern gate_before, gate_after  ; struct gate_note
extern kernel_table             ; struct page_table: CR3 comes first

%include "layout.inc"

FUNCTION        equ 0x00        ; struct gate_call
ARGUMENT        equ 0x08
TABLE           equ 0x30
STACK_TOP       equ 0x38
STATUS          equ 0x40
KERNEL_RSP      equ 0x48
OUTCOME         equ 0x50

CHANGED         equ 1           ; GATE_CHANGED

RSP_NOTE        equ 0x40        ; struct gate_note
RFLAGS_NOTE     equ 0x48
CR3_NOTE        equ 0x50
CR0_NOTE        equ 0x58
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
COMPARED_BYTES  equ 0xa8        ; all that is above
XMM_NOTE        equ 0xa8        ; ten of 16 bytes

MSR_PAT         equ 0x277
MSR_EFER        equ 0xc0000080

; What the calling convention keeps: not the arithmetic flags, and not the
; sticky exception flags of the MXCSR.
RFLAGS_KEPT     equ 0x47700     ; TF, IF, DF, IOPL, NT, AC
MXCSR_KEPT      equ 0xffc0

TSS_BUSY        equ 2           ; in byte 5 of its descriptor (SDM vol. 3 §7.2)

; What the MS x64 calling convention reserves for the four register arguments,
; and the fifth one above it; 16-byte aligned together (UEFI 2.10 §2.3.4.2):
; GATE_FRAME.
SHADOW          equ 32

; Notes the registers that are another's with each call: uses nothing.
%macro NOTE_CALL 1
    mov [rel %1 + 0x00], rbx
    mov [rel %1 + 0x08], rbp
    mov [rel %1 + 0x10], rsi
    mov [rel %1 + 0x18], rdi
    mov [rel %1 + 0x20], r12
    mov [rel %1 + 0x28], r13
    mov [rel %1 + 0x30], r14
    mov [rel %1 + 0x38], r15
%endmacro

; Notes those that are the same before all calls, so that once is enough: uses
; rax, rcx, rdx, xmm0. XMM6 to XMM15 belong to the caller, but the kernel has
; nothing in them: so they hold numbers that nobody else would put there, and
; their exclusive or tells if one was changed.
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
%endmacro

section .text

gate_note_machine:
    call load_xmm
    fninit                      ; x87 control word 0x037f
    ldmxcsr [rel mxcsr]
    NOTE_MACHINE gate_before
    ret

load_xmm:
%assign n 6
%rep 10
    movups xmm %+ n, [rel gate_before + XMM_NOTE + 16 * (n - 6)]
%assign n n + 1
%endrep
    ret

gate_enter:
    mov rax, [rel gate_current]
    pushfq
    pop qword [rel gate_before + RFLAGS_NOTE]
    and dword [rel gate_before + RFLAGS_NOTE], RFLAGS_KEPT
    mov [rax + KERNEL_RSP], rsp

    mov rcx, [rax + TABLE]
    mov [rel gate_before + CR3_NOTE], rcx
    cmp rcx, [rel kernel_table]
    je .same_table              ; writing CR3 empties the TLB even then
    mov cr3, rcx
.same_table:
    mov rsp, [rax + STACK_TOP]

    fninit
    ldmxcsr [rel mxcsr]         ; and the direction flag is clear in C
    NOTE_CALL gate_before
    mov [rel gate_before + RSP_NOTE], rsp

    mov rcx, [rax + ARGUMENT + 0x20]
    mov [rsp + SHADOW], rcx
    mov rcx, [rax + ARGUMENT + 0x00]
    mov rdx, [rax + ARGUMENT + 0x08]
    mov r8, [rax + ARGUMENT + 0x10]
    mov r9, [rax + ARGUMENT + 0x18]
    call [rax + FUNCTION]

    mov r8, [rel gate_current]
    mov [r8 + STATUS], rax
    mov [rel gate_after + RSP_NOTE], rsp
    mov rsp, [r8 + KERNEL_RSP]
    pushfq
    pop qword [rel gate_after + RFLAGS_NOTE]
    and dword [rel gate_after + RFLAGS_NOTE], RFLAGS_KEPT
    cld
    NOTE_CALL gate_after
    mov r9, cr3
    mov [rel gate_after + CR3_NOTE], r9
    NOTE_MACHINE gate_after
    and word [rel gate_after + MXCSR_NOTE], MXCSR_KEPT

    lea rsi, [rel gate_before]
    lea rdi, [rel gate_after]
    mov ecx, COMPARED_BYTES / 8
    repe cmpsq
    jne changed
    cmp r9, [rel kernel_table]  ; still the call's, as the notes are alike
    je .home
    mov rcx, [rel kernel_table]
    mov cr3, rcx
.home:
    ret

changed:                        ; which ones, C will find out
    mov dword [r8 + OUTCOME], CHANGED
%assign n 6
%rep 10
    movups [rel gate_after + XMM_NOTE + 16 * (n - 6)], xmm %+ n
%assign n n + 1
%endrep
gate_recover:                   ; nothing is known but memory
    cli                         ; until the tables for an interrupt are ours
    cld
    mov rax, [rel gate_current]
    mov rsp, [rax + KERNEL_RSP]
    mov ecx, [rel gate_before + CR0_NOTE]
    mov cr0, rcx
    mov ecx, [rel gate_before + CR4_NOTE]
    mov cr4, rcx
    movzx ecx, word [rel gate_before + CR8_NOTE]
    mov cr8, rcx
    mov rcx, [rel kernel_table]
    mov cr3, rcx
    mov ecx, [rel gate_before + DR7_NOTE]
    mov dr7, rcx
    mov ecx, MSR_EFER
    xor edx, edx
    mov eax, [rel gate_before + EFER_NOTE]
    wrmsr
    mov ecx, MSR_PAT
    mov eax, [rel gate_before + PAT_NOTE]
    mov edx, [rel gate_before + PAT_NOTE + 4]
    wrmsr
    call load_xmm
    lgdt [rel gate_before + GDTR_NOTE]
    lidt [rel gate_before + IDTR_NOTE]
    mov rcx, [rel gate_before + GDTR_NOTE + 2]
    and byte [rcx + TSS_SELECTOR + 5], ~TSS_BUSY
    ltr [rel gate_before + TR_NOTE]
    push KERNEL_CS
    lea rcx, [rel .segments]
    push rcx
    retfq
.segments:
    mov ss, [rel gate_before + SS_NOTE]
    mov ds, [rel gate_before + DS_NOTE]
    mov es, [rel gate_before + ES_NOTE]
    mov fs, [rel gate_before + FS_NOTE]
    mov gs, [rel gate_before + GS_NOTE]
    mov rbx, [rel gate_before + 0x00]
    mov rbp, [rel gate_before + 0x08]
    mov r12, [rel gate_before + 0x20]
    mov r13, [rel gate_before + 0x28]
    mov r14, [rel gate_before + 0x30]
    mov r15, [rel gate_before + 0x38]
    push qword [rel gate_before + RFLAGS_NOTE]
    popfq
    ret

section .rodata align=4
mxcsr:
    dd 0x1f80                   ; all exceptions masked, round to nearest
