// Examples of an observer, a node and a command: how many firmware calls were
// not answered by EFI_SUCCESS, in this generation and the one before.

#pragma once

#include "lib/types.h"

extern uint32_t census_here, census_before;
