; Lab 7, step 4. It is too late for an error: the kernel has stopped all that
; interrupts it, and the caller expects no return.
kexec_jump:
    lea rdi, [rel .words]
    xor eax, eax
    call panic
.words:
    db "lab 7, step 4: kexec_jump() does not leave this kernel yet", 0
global kexec_last_instruction
