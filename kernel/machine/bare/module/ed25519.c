/*
 * Ed25519: see ed25519.h. RFC 8032, section 5.1. Numbers modulo p = 2^255 - 19 are five words of 51 bits, which may be a little
 * larger between operations; points of the curve are in extended coordinates (section 5.1.4). The curve's constants
 * are computed from their definitions.
 */
#include "kernel/machine/bare/module/ed25519.h"

#include "kernel/machine/bare/module/sha512.h"

#include <string.h>

#define LIMBS 5u
#define LIMB_BITS 51u
#define LIMB_MASK ((UINT64_C(1) << LIMB_BITS) - 1)

typedef unsigned __int128 wide;

struct element {
    uint64_t limbs[LIMBS]; /* each below 2^54 */
};

struct point {
    struct element x, y, z, t;
};

/* ---- numbers modulo p ---- */

static struct element element_of(uint64_t small) {
    return (struct element){.limbs = {small}};
}

static void carry(struct element *a) {
    for (uint32_t i = 0; i < LIMBS; i++) {
        uint64_t over = a->limbs[i] >> LIMB_BITS;
        a->limbs[i] &= LIMB_MASK;
        if (i + 1 < LIMBS)
            a->limbs[i + 1] += over;
        else
            a->limbs[0] += over * 19;
    }
}

static struct element add(const struct element *a, const struct element *b) {
    struct element sum;
    for (uint32_t i = 0; i < LIMBS; i++)
        sum.limbs[i] = a->limbs[i] + b->limbs[i];
    carry(&sum);
    return sum;
}

/* 4p is added first, so that no limb goes below zero. */
static struct element subtract(const struct element *a, const struct element *b) {
    struct element difference;
    for (uint32_t i = 0; i < LIMBS; i++)
        difference.limbs[i] = a->limbs[i] + 4 * (LIMB_MASK - (i == 0 ? 18 : 0)) - b->limbs[i];
    carry(&difference);
    return difference;
}

static struct element multiply(const struct element *a, const struct element *b) {
    wide sums[LIMBS] = {0};
    struct element product;
    for (uint32_t i = 0; i < LIMBS; i++)
        for (uint32_t j = 0; j < LIMBS; j++) {
            uint64_t factor = b->limbs[j] * (i + j >= LIMBS ? 19 : 1); /* 2^255 is 19 */
            sums[(i + j) % LIMBS] += (wide)a->limbs[i] * factor;
        }
    wide over = 0;
    for (uint32_t i = 0; i < LIMBS; i++) {
        sums[i] += over;
        product.limbs[i] = (uint64_t)sums[i] & LIMB_MASK;
        over = sums[i] >> LIMB_BITS;
    }
    wide first = product.limbs[0] + over * 19;
    product.limbs[0] = (uint64_t)first & LIMB_MASK;
    product.limbs[1] += (uint64_t)(first >> LIMB_BITS);
    return product;
}

/* The exponent's bytes: `low`, thirty of 0xff, `high`. All that are needed look like that. */
static struct element power(const struct element *a, uint8_t low, uint8_t high) {
    struct element result = element_of(1);
    for (int bit = 255; bit >= 0; bit--) {
        uint8_t byte = bit < 8 ? low : bit >= 248 ? high : 0xff;
        result = multiply(&result, &result);
        if ((byte >> (bit % 8) & 1) != 0)
            result = multiply(&result, a);
    }
    return result;
}

static struct element invert(const struct element *a) {
    return power(a, 0xeb, 0x7f); /* p - 2 */
}

/* The smallest number it stands for, little-endian. */
static void to_bytes(const struct element *a, uint8_t bytes[32]) {
    struct element value = *a;
    for (uint32_t i = 0; i < 3; i++)
        carry(&value);
    for (uint32_t turn = 0; turn < 2; turn++) { /* minus p, unless that is below zero */
        struct element less = value;
        uint64_t over = 19;
        for (uint32_t i = 0; i < LIMBS; i++) {
            less.limbs[i] += over;
            over = less.limbs[i] >> LIMB_BITS;
            less.limbs[i] &= LIMB_MASK;
        }
        if (over != 0)
            value = less;
    }
    memset(bytes, 0, 32);
    for (uint32_t bit = 0; bit < 255; bit++)
        bytes[bit / 8] |= (uint8_t)((value.limbs[bit / LIMB_BITS] >> bit % LIMB_BITS & 1) << bit % 8);
}

/* Without the highest bit. */
static struct element from_bytes(const uint8_t bytes[32]) {
    struct element a = {{0}};
    for (uint32_t bit = 0; bit < 255; bit++)
        a.limbs[bit / LIMB_BITS] |= (uint64_t)(bytes[bit / 8] >> bit % 8 & 1) << bit % LIMB_BITS;
    return a;
}

static bool is_same(const struct element *a, const struct element *b) {
    uint8_t first[32], second[32];
    to_bytes(a, first);
    to_bytes(b, second);
    return memcmp(first, second, sizeof(first)) == 0;
}

/* ---- points ---- */

struct curve {
    struct element d, twice_d, root_of_minus_one;
    struct point base;
};

/* x from y: a root of (y^2 - 1) / (d y^2 + 1), odd or even. False: there is none. */
static bool recover_x(const struct curve *curve, const struct element *y, bool is_odd, struct element *x) {
    struct element one = element_of(1), square = multiply(y, y), below = multiply(&curve->d, &square);
    uint8_t bytes[32];
    below = add(&below, &one);
    below = invert(&below);
    struct element wanted = subtract(&square, &one);
    wanted = multiply(&wanted, &below);
    *x = power(&wanted, 0xfe, 0x0f); /* (p + 3) / 8 */
    struct element check = multiply(x, x);
    if (!is_same(&check, &wanted)) {
        *x = multiply(x, &curve->root_of_minus_one);
        check = multiply(x, x);
    }
    if (!is_same(&check, &wanted))
        return false;
    to_bytes(x, bytes);
    bool is_zero = bytes[0] == 0 && memcmp(bytes, bytes + 1, sizeof(bytes) - 1) == 0;
    if (is_zero && is_odd)
        return false;
    if ((bytes[0] & 1) != (is_odd ? 1 : 0)) {
        struct element zero = element_of(0);
        *x = subtract(&zero, x);
    }
    return true;
}

static struct point point_of(const struct element *x, const struct element *y) {
    return (struct point){.x = *x, .y = *y, .z = element_of(1), .t = multiply(x, y)};
}

/* Good for any two points, also the same. */
static struct point add_points(const struct curve *curve, const struct point *p, const struct point *q) {
    struct element a = subtract(&p->y, &p->x), b = add(&p->y, &p->x), other = subtract(&q->y, &q->x);
    a = multiply(&a, &other);
    other = add(&q->y, &q->x);
    b = multiply(&b, &other);
    struct element c = multiply(&p->t, &curve->twice_d), d = add(&p->z, &p->z);
    c = multiply(&c, &q->t);
    d = multiply(&d, &q->z);
    struct element e = subtract(&b, &a), f = subtract(&d, &c), g = add(&d, &c), h = add(&b, &a);
    return (struct point){.x = multiply(&e, &f), .y = multiply(&g, &h), .z = multiply(&f, &g), .t = multiply(&e, &h)};
}

static void make_curve(struct curve *curve) {
    struct element two = element_of(2), four = element_of(4), five = element_of(5), zero = element_of(0), x;
    struct element above = element_of(121665), below = element_of(121666);
    below = invert(&below);
    curve->d = multiply(&above, &below);
    curve->d = subtract(&zero, &curve->d);
    curve->twice_d = add(&curve->d, &curve->d);
    curve->root_of_minus_one = power(&two, 0xfb, 0x1f); /* 2^((p - 1) / 4) */
    struct element y = invert(&five);
    y = multiply(&y, &four);
    (void)recover_x(curve, &y, false, &x);
    curve->base = point_of(&x, &y);
}

static void encode(const struct point *point, uint8_t bytes[32]) {
    struct element inverse = invert(&point->z), x = multiply(&point->x, &inverse), y = multiply(&point->y, &inverse);
    uint8_t x_bytes[32];
    to_bytes(&x, x_bytes);
    to_bytes(&y, bytes);
    bytes[31] |= (uint8_t)((x_bytes[0] & 1) << 7);
}

/* False: it is no point, or not written the one way. */
static bool decode(const struct curve *curve, const uint8_t bytes[32], struct point *point) {
    struct element y = from_bytes(bytes), x;
    uint8_t again[32];
    to_bytes(&y, again);
    again[31] |= bytes[31] & 0x80;
    if (memcmp(again, bytes, sizeof(again)) != 0 || !recover_x(curve, &y, bytes[31] >> 7 != 0, &x))
        return false;
    *point = point_of(&x, &y);
    return true;
}

static struct point negative(const struct point *point) {
    struct element zero = element_of(0);
    return (struct point){
        .x = subtract(&zero, &point->x), .y = point->y, .z = point->z, .t = subtract(&zero, &point->t)};
}

/* ---- numbers modulo the order of the base point ---- */

/* 2^252 + 27742317777372353535851937790883648493 */
static const uint64_t order[4] = {UINT64_C(0x5812631a5cf5d3ed), UINT64_C(0x14def9dea2f79cd6), 0, UINT64_C(1) << 60};

static bool is_below_order(const uint64_t number[4]) {
    for (int i = 3; i >= 0; i--)
        if (number[i] != order[i])
            return number[i] < order[i];
    return false;
}

static void subtract_order(uint64_t number[4]) {
    uint64_t borrow = 0;
    for (uint32_t i = 0; i < 4; i++) {
        wide difference = (wide)number[i] - order[i] - borrow;
        number[i] = (uint64_t)difference;
        borrow = (uint64_t)(difference >> 64) & 1;
    }
}

/* The rest of a number of 512 bits, bit by bit. */
static void reduce(const uint8_t digest[SHA512_BYTES], uint64_t rest[4]) {
    memset(rest, 0, 4 * sizeof(rest[0]));
    for (int bit = 511; bit >= 0; bit--) {
        for (uint32_t i = 3; i > 0; i--)
            rest[i] = rest[i] << 1 | rest[i - 1] >> 63;
        rest[0] = rest[0] << 1 | (digest[bit / 8] >> bit % 8 & 1);
        if (!is_below_order(rest))
            subtract_order(rest);
    }
}

static void load_number(const uint8_t bytes[32], uint64_t number[4]) {
    memset(number, 0, 4 * sizeof(number[0]));
    for (uint32_t i = 0; i < 32; i++)
        number[i / 8] |= (uint64_t)bytes[i] << 8 * (i % 8);
}

/* first * p + second * q, both at once. */
static struct point combine(const struct curve *curve, const uint64_t first[4], const struct point *p,
                            const uint64_t second[4], const struct point *q) {
    struct element zero = element_of(0), one = element_of(1);
    struct point sum = point_of(&zero, &one), both = add_points(curve, p, q);
    for (int bit = 255; bit >= 0; bit--) {
        bool in_first = (first[bit / 64] >> bit % 64 & 1) != 0, in_second = (second[bit / 64] >> bit % 64 & 1) != 0;
        sum = add_points(curve, &sum, &sum);
        if (in_first || in_second)
            sum = add_points(curve, &sum, in_first && in_second ? &both : in_first ? p : q);
    }
    return sum;
}

bool ed25519_verify(const uint8_t key[ED25519_KEY_BYTES], const void *message, size_t size,
                    const uint8_t signature[ED25519_SIGNATURE_BYTES]) {
    struct curve curve;
    struct point signer;
    struct sha512 hash;
    uint8_t digest[SHA512_BYTES], expected[32];
    uint64_t s[4], k[4];
    make_curve(&curve);
    load_number(signature + 32, s);
    if (!is_below_order(s) || !decode(&curve, key, &signer))
        return false;
    sha512_begin(&hash);
    sha512_add(&hash, signature, 32);
    sha512_add(&hash, key, ED25519_KEY_BYTES);
    sha512_add(&hash, message, size);
    sha512_end(&hash, digest);
    reduce(digest, k);
    signer = negative(&signer);
    struct point point = combine(&curve, s, &curve.base, k, &signer);
    encode(&point, expected);
    return memcmp(expected, signature, sizeof(expected)) == 0;
}
