// Names for code addresses, from a table that the build links into the image.

#pragma once

#include "lib/types.h"

// Writes "function+0x12" for a code address, or the number where it is none.
// Returns the length, as format() does.
size_t symbol_format(va_t va, char *text, size_t size);

// The address of a function of the kernel, by its name; false if none has it.
bool symbol_find(const char *name, va_t *va);
