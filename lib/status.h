// One status type for the whole kernel, and a reason that a person can act on.
//
// A function that can fail returns a status_t. Where it fails, it says why,
// with the offending value, through fail(): the text stays readable in why()
// until the next failure. A caller that passes an error on adds nothing; a
// caller that recovers logs why() and goes on.

#pragma once

typedef enum {
    STATUS_OK = 0,
    STATUS_INVALID,     // malformed input: it breaks its own format
    STATUS_REFUSED,     // well-formed, but it must not be acted on
    STATUS_NOT_FOUND,   // what was asked for is not there
    STATUS_NO_MEMORY,   // no frames, or a fixed table is full
    STATUS_UNSUPPORTED, // this machine or firmware cannot do it
    STATUS_FAILED,      // tried, and the other side answered with an error
} status_t;

#define REASON_BYTES 256 // with the NUL; mark_cut() marks a longer one

// Records the reason (printf-like, see lib/format.h). Double quotes and control
// characters in the text become apostrophes and spaces, so that why="…" in a
// log line needs no escapes.
void set_why(const char *reason, ...) __attribute__((format(printf, 1, 2)));

static inline status_t failed(status_t status) {
    return status;
}

// Records the reason and yields `status`. (A macro, and the status is no
// argument of set_why(): so the compiler sees that a failure is not STATUS_OK
// and that no code goes on to use what a failed call has not set.)
#define fail(status, ...) (set_why(__VA_ARGS__), failed(status))

// The reason of the latest failure; "" before the first. Code that recovers
// from a failure of its own while another one is being returned saves this
// first, and restores it by set_why().
const char *why(void);

// Passes a failure on: returns from the function that it is used in, with the
// status of `call`, unless that is STATUS_OK. (A macro, because no function can
// return for its caller.)
#define TRY(call)                                                              \
    do {                                                                       \
        status_t status_of_try = (call);                                       \
        if (status_of_try != STATUS_OK)                                        \
            return status_of_try;                                              \
    } while (0)
