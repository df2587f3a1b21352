/* Kinds of characters, as Linux's terminals see them: bytes of Latin-1 (with IUTF8 only the tails of UTF-8 are told apart). */
#ifndef GROVE_TTY_CHARACTERS_H
#define GROVE_TTY_CHARACTERS_H

#include <stdbool.h>
#include <stdint.h>

static inline bool character_is_control(uint8_t character) {
    return character < 0x20 || character == 0x7f;
}

static inline bool character_is_upper(uint8_t character) {
    return (character >= 'A' && character <= 'Z') || (character >= 0xc0 && character <= 0xde && character != 0xd7);
}

static inline bool character_is_lower(uint8_t character) {
    return (character >= 'a' && character <= 'z') || (character >= 0xdf && character != 0xf7);
}

/* What a word is made of. */
static inline bool character_is_word(uint8_t character) {
    return character_is_upper(character) || character_is_lower(character) || (character >= '0' && character <= '9') ||
           character == '_';
}

/* Small and capital letters of Latin-1 lie 32 apart, as those of ASCII do. */
static inline uint8_t character_to_upper(uint8_t character) {
    return character_is_lower(character) ? (uint8_t)(character - 32) : character;
}

static inline uint8_t character_to_lower(uint8_t character) {
    return character_is_upper(character) ? (uint8_t)(character + 32) : character;
}

/* A byte of UTF-8 behind the first of its character. */
static inline bool character_is_tail(uint8_t character) {
    return (character & 0xc0) == 0x80;
}

#endif
