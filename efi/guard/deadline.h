// A firmware call has a deadline, by efi.timeout=: after it the call is ended
// as if it had faulted.

#pragma once

#include "lib/types.h"

// Has the call under way had its time? `ran_us`: microseconds in which the
// machine ran, as of time_ran(). From trap handlers.
bool deadline_is_over(uint64_t ran_us);
