// An image is entered only if it is, to the bit, the one that was put into the
// bundle: the file with the payload as it is staged has the digest that the
// bundle's SHA256SUMS gives for its name.
//
// The digest is taken right before the jump and nowhere else, since it costs
// more than all the rest of a kexec. An image that waits (kexec/capture) is
// checked twice: when it starts to wait, and when it is needed.

#include "kexec/digest/sums.h"
#include "kexec/kexec.h"
#include "lib/log.h"
#include "lib/string.h"
#include "mm/frames.h"

static status_t find_expected(const struct kexec_staged *staged,
                              uint8_t digest[SHA256_BYTES]) {
    struct cpio_file list;
    TRY(cpio_find(staged->bundle.data, staged->bundle.bytes, "SHA256SUMS",
                  &list));
    return sums_find((const char *)list.data, list.bytes, staged->name, digest);
}

static void take(const struct kexec_staged *staged,
                 uint8_t digest[SHA256_BYTES]) {
    const struct kernel_image *image = &staged->image;
    struct sha256 hash;
    sha256_init(&hash);
    sha256_update(&hash, image->file, image->payload_offset);
    sha256_update(&hash, pa_to_va(staged->base_pa), image->payload_bytes);
    sha256_final(&hash, digest);
}

static status_t leaving(const struct kexec_staged *staged) {
    uint8_t expected[SHA256_BYTES], actual[SHA256_BYTES];
    char expected_text[SHA256_TEXT], actual_text[SHA256_TEXT];
    TRY(find_expected(staged, expected));
    take(staged, actual);
    sha256_hex(expected, expected_text);
    sha256_hex(actual, actual_text);
    if (memcmp(expected, actual, SHA256_BYTES) != 0)
        return fail(STATUS_REFUSED,
                    "image %s: SHA-256 is %s, SHA256SUMS says %s", staged->name,
                    actual_text, expected_text);
    event("kexec.digest", "image=%s sha256=%s", staged->name, actual_text);
    return STATUS_OK;
}

ROW(departures, 90_digest) = {.leaving = leaving};
