; The screen's font: Debian's, as it is, unpacked by the Makefile.

section .rodata
global screen_font, screen_font_bytes
screen_font:
    incbin "font.psf"
screen_font_bytes:
    dd $ - screen_font
