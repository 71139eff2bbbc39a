; The page table is loaded whether it is another one or not.
gate_enter:
    mov rax, [rel gate_current]
    mov [rax + gate_call.saved.rbx], rbx
    mov [rax + gate_call.saved.rbp], rbp
    mov [rax + gate_call.saved.rsi], rsi
    mov [rax + gate_call.saved.rdi], rdi
    mov [rax + gate_call.saved.r12], r12
    mov [rax + gate_call.saved.r13], r13
    mov [rax + gate_call.saved.r14], r14
    mov [rax + gate_call.saved.r15], r15
    pushfq
    mov [rax + gate_call.kernel_rsp], rsp

    mov rcx, [rax + gate_call.table_pa]
    mov cr3, rcx
    mov rsp, [rax + gate_call.stack_top]
    fninit
    ldmxcsr [rel gate_mxcsr]

    mov rcx, [rax + gate_call.argument + 0x20]
    mov [rsp + SHADOW], rcx
    mov rcx, [rax + gate_call.argument + 0x00]
    mov rdx, [rax + gate_call.argument + 0x08]
    mov r8, [rax + gate_call.argument + 0x10]
    mov r9, [rax + gate_call.argument + 0x18]
    call [rel gate_around]

    mov r8, [rel gate_current]
    mov [r8 + gate_call.status], rax

gate_home:                      ; r8: the record. These registers are right
    mov rsp, [r8 + gate_call.kernel_rsp]
    mov rax, [rel kernel_table]
    mov cr3, rax
    popfq
    ret
