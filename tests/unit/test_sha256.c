// Known answers of SHA-256 (FIPS 180-4 examples and the NIST test messages),
// pieces of every size, and every length around the padding's edges.

#include "kexec/digest/sha256.h"

#include "tests/unit/unit.h"

static void check(const void *data, size_t bytes, const char *expected) {
    uint8_t digest[SHA256_BYTES];
    char text[SHA256_TEXT];
    void *exact = exact_copy(data, bytes);
    sha256(exact, bytes, digest);
    sha256_hex(digest, text);
    assert_string_equal(text, expected);
    free(exact);
}

static void known_answers(void **state) {
    (void)state;
    check("", 0,
          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check("abc", 3,
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void a_million_letters(void **state) {
    (void)state;
    const size_t bytes = 1000000;
    char *text = malloc(bytes);
    assert_non_null(text);
    memset(text, 'a', bytes);
    check(text, bytes,
          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(text);
}

// All lengths to four blocks, each digest hashed into one: the result was
// computed once with Python's hashlib.
static void all_padding_lengths(void **state) {
    (void)state;
    uint8_t data[256], digest[SHA256_BYTES];
    char text[SHA256_TEXT];
    struct sha256 all;

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)i;
    sha256_init(&all);
    for (size_t bytes = 0; bytes <= sizeof(data); bytes++) {
        sha256(data, bytes, digest);
        sha256_update(&all, digest, sizeof(digest));
    }
    sha256_final(&all, digest);
    sha256_hex(digest, text);
    assert_string_equal(
        text,
        "35970715cb0d62a006d72921e886dd4ea67151affe64b55164397fe5bb5c1730");
}

static void pieces_make_the_whole(void **state) {
    (void)state;
    uint8_t data[300], whole[SHA256_BYTES], pieces[SHA256_BYTES];
    struct sha256 hash;

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7);
    sha256(data, sizeof(data), whole);
    for (size_t piece = 1; piece <= sizeof(data); piece++) {
        sha256_init(&hash);
        for (size_t at = 0; at < sizeof(data); at += piece)
            sha256_update(&hash, data + at, min_u64(piece, sizeof(data) - at));
        sha256_update(&hash, data, 0);
        sha256_final(&hash, pieces);
        assert_memory_equal(pieces, whole, sizeof(whole));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(a_million_letters),
        cmocka_unit_test(all_padding_lengths),
        cmocka_unit_test(pieces_make_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
