; A processor without long mode gets one line, on the serial port and on the
; screen that the loader has set up, and stops. Without this annex it dies of a
; triple fault in entry32, at the write to EFER.
;
; If it is linked, GRUB enters here (linker.ld), in 32-bit mode without paging.
; The image may be at any address: text and data are found from our own.

MULTIBOOT_FRAMEBUFFER equ 8     ; tag (Multiboot2 §3.6.12), and its fields
ADDRESS         equ 8
PITCH           equ 16          ; bytes from one row to the next
WIDTH           equ 20          ; in pixels, or in characters
DEPTH           equ 28          ; bits of a pixel
TYPE            equ 29
RGB             equ 1
TEXT            equ 2
TEXT_WHITE      equ 0x0f

EFLAGS_ID       equ 1 << 21     ; it can be changed: there is CPUID
CPUID_MAX       equ 0x80000000
CPUID_EXTENDED  equ 0x80000001
CPUID_LONG_MODE equ 29          ; bit of edx

SERIAL_PORT     equ 0x3f8
LINE_STATUS     equ 5
SEND_EMPTY      equ 0x20
SEND_POLLS      equ 1000000

FONT_HEAD       equ 4           ; kernel/screen/font.asm
GLYPH_ROWS      equ 16

global long_mode_check
extern entry32, screen_font

section .text
bits 32
long_mode_check:                ; eax = magic, ebx = physical information
    cli
    cld
    lea esp, [ebx + 8]          ; a stack of one word, as in entry32
    mov esi, eax
    mov edi, ebx
    pushfd
    pop eax
    mov ecx, eax
    xor eax, EFLAGS_ID
    push eax
    popfd
    pushfd
    pop eax
    cmp eax, ecx
    je .absent
    mov eax, CPUID_MAX
    cpuid
    cmp eax, CPUID_EXTENDED
    jb .absent
    mov eax, CPUID_EXTENDED
    cpuid
    bt edx, CPUID_LONG_MODE
    jnc .absent
    mov eax, esi
    mov ebx, edi
    jmp entry32
.absent:
    call .here
.here:
    pop ebp
    lea esp, [ebp + stack_distance - .here]
    add esp, [esp]
    call find_screen
    jne .serial
    cmp byte [ebx + TYPE], RGB
    je .draw
    cmp byte [ebx + TYPE], TEXT
    jne .serial
    call write_text
    jmp .serial
.draw:
    call draw
.serial:
    call write_serial
.stop:
    hlt
    jmp .stop

write_serial:
    lea esi, [ebp + uart - long_mode_check.here]
    mov ecx, (uart_end - uart) / 2
.set:
    movzx edx, byte [esi]
    add edx, SERIAL_PORT
    mov al, [esi + 1]
    out dx, al
    add esi, 2
    loop .set
    lea esi, [ebp + message - long_mode_check.here]
.byte:
    mov edx, SERIAL_PORT + LINE_STATUS
    mov ecx, SEND_POLLS
.wait:
    in al, dx
    test al, SEND_EMPTY
    loopz .wait
    mov edx, SERIAL_PORT
    outsb
    lea eax, [ebp + line_end - long_mode_check.here]
    cmp esi, eax
    jb .byte
    ret

; ZF: ebx = the framebuffer tag, edi = its address; or none is below 4 GiB.
find_screen:
    mov edx, [edi]
    lea ebx, [edi + 8]
    add edx, edi
.tag:
    cmp dword [ebx], MULTIBOOT_FRAMEBUFFER
    je .found
    mov eax, [ebx + 4]
    add eax, 7
    and eax, -8
    add ebx, eax
    cmp ebx, edx
    jb .tag
    test esp, esp
    ret
.found:
    mov edi, [ebx + ADDRESS]
    cmp dword [ebx + ADDRESS + 4], 0
    ret

; In the first line, on a blank.
write_text:
    mov ecx, [ebx + WIDTH]
    mov eax, TEXT_WHITE << 8 | ' '
    push edi
    rep stosw
    pop edi
    lea esi, [ebp + message - long_mode_check.here]
    mov ecx, message_end - message
.letter:
    lodsb
    stosw
    loop .letter
    ret

; The same; a dot is all ones, whatever the format of a pixel.
draw:
    lea esi, [ebp + message - long_mode_check.here]
.letter:
    lodsb
    movzx eax, al
    imul eax, GLYPH_ROWS
    lea ecx, [ebp + font_distance - long_mode_check.here]
    add ecx, [ecx]
    lea eax, [ecx + eax + FONT_HEAD]
    push esi
    push edi
    mov esi, eax
    mov dh, GLYPH_ROWS
.row:
    push edi
    mov ah, [esi]
    inc esi
    mov dl, 8
.dot:
    add ah, ah
    sbb al, al
    movzx ecx, byte [ebx + DEPTH]
    add ecx, 7
    shr ecx, 3
    rep stosb
    dec dl
    jnz .dot
    pop edi
    add edi, [ebx + PITCH]
    dec dh
    jnz .row
    pop edi
    movzx ecx, byte [ebx + DEPTH]
    add ecx, 7
    and ecx, -8                 ; the bytes of eight pixels
    add edi, ecx
    pop esi
    lea eax, [ebp + message_end - long_mode_check.here]
    cmp esi, eax
    jb .letter
    ret

uart:                           ; register, value
    db 1, 0                     ; no interrupts
    db 3, 0x80, 0, 1, 1, 0      ; 115200 baud
    db 3, 3                     ; 8N1
uart_end:
message:
    db "Baton needs a 64-bit processor: this one has no long mode. "
    db "It stops here."
message_end:
    db 13, 10
line_end:
font_distance:
    dd screen_font - $
stack_distance:
    dd stack_end - $

section .bss
    resb 64
stack_end:
