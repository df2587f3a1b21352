/* Signatures of RFC 8032, section 7.1, and those that libsodium makes; nothing else may be taken for one. */
#include "kernel/machine/bare/module/ed25519.h"
#include "kernel/machine/bare/module/sha512.h"

#include "kernel/core/test/unit.h"

#include <sodium.h>
#include <string.h>

#define MESSAGE_MAX 700u

static void from_hexadecimal(const char *text, uint8_t *bytes, size_t size) {
    size_t got;
    assert_int_equal(sodium_hex2bin(bytes, size, text, strlen(text), NULL, &got, NULL), 0);
    assert_int_equal(got, size);
}

static void check_vector(const char *key_text, const char *message_text, const char *signature_text) {
    uint8_t key[32], message[4], signature[64];
    size_t size = strlen(message_text) / 2;
    from_hexadecimal(key_text, key, sizeof(key));
    from_hexadecimal(message_text, message, size);
    from_hexadecimal(signature_text, signature, sizeof(signature));
    assert_true(ed25519_verify(key, message, size, signature));
    signature[0] ^= 1;
    assert_false(ed25519_verify(key, message, size, signature));
}

static void vectors_of_the_rfc(void **state) {
    (void)state;
    check_vector("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
                 "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf"
                 "5f0595bbe24655141438e7a100b");
    check_vector("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
                 "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2"
                 "eaeb4302aeeb00d291612bb0c00");
    check_vector("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
                 "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c1"
                 "5e9716ed28dc027beceea1ec40a");
}

static void digests_are_those_of_libsodium(void **state) {
    uint8_t message[MESSAGE_MAX], ours[SHA512_BYTES], theirs[SHA512_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof(message); i++)
        message[i] = (uint8_t)(i * 31);
    for (size_t size = 0; size < sizeof(message); size++) {
        struct sha512 hash;
        sha512_begin(&hash);
        sha512_add(&hash, message, size / 3);
        sha512_add(&hash, message + size / 3, size - size / 3);
        sha512_end(&hash, ours);
        crypto_hash_sha512(theirs, message, size);
        assert_memory_equal(ours, theirs, sizeof(ours));
    }
}

static void what_libsodium_signs_is_good_and_no_bit_may_differ(void **state) {
    uint8_t seed[32], key[32], secret[64], message[MESSAGE_MAX], signature[64];
    (void)state;
    for (uint32_t round = 0; round < 24; round++) {
        size_t size = (size_t)round * 29;
        memset(seed, (int)round, sizeof(seed));
        memset(message, (int)(round * 7), sizeof(message));
        crypto_sign_seed_keypair(key, secret, seed);
        crypto_sign_detached(signature, NULL, message, size, secret);
        assert_true(ed25519_verify(key, message, size, signature));
        uint32_t bit = round * 21 % 512;
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(ed25519_verify(key, message, size, signature));
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (size > 0) {
            message[size / 2] ^= 0x10;
            assert_false(ed25519_verify(key, message, size, signature));
            message[size / 2] ^= 0x10;
        }
        key[round] ^= 4;
        assert_false(ed25519_verify(key, message, size, signature));
    }
}

/* The same signature with the order added to S: it would fit the equation, and is refused. */
static void a_signature_is_written_one_way_only(void **state) {
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                      0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                      0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
    uint8_t seed[32] = {1}, key[32], secret[64], signature[64];
    uint32_t over = 0;
    (void)state;
    crypto_sign_seed_keypair(key, secret, seed);
    crypto_sign_detached(signature, NULL, seed, sizeof(seed), secret);
    assert_true(ed25519_verify(key, seed, sizeof(seed), signature));
    for (uint32_t i = 0; i < 32; i++) {
        over += (uint32_t)signature[32 + i] + order[i];
        signature[32 + i] = (uint8_t)over;
        over >>= 8;
    }
    assert_false(ed25519_verify(key, seed, sizeof(seed), signature));
}

static void keys_that_are_no_points(void **state) {
    uint8_t key[32], signature[64] = {0};
    (void)state;
    memset(key, 0xff, sizeof(key));
    assert_false(ed25519_verify(key, "", 0, signature)); /* y is p or more */
    memset(key, 0, sizeof(key));
    key[0] = 2;
    assert_false(ed25519_verify(key, "", 0, signature)); /* no x goes with it */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_the_rfc),
        cmocka_unit_test(digests_are_those_of_libsodium),
        cmocka_unit_test(what_libsodium_signs_is_good_and_no_bit_may_differ),
        cmocka_unit_test(a_signature_is_written_one_way_only),
        cmocka_unit_test(keys_that_are_no_points),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
