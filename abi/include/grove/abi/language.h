/*
 * The same headers for programs in C11 and in C++17: what the two languages write in different words.
 *
 * A field that is called `class` in C has another name in C++, where that is a keyword; layouts are the same.
 */
#ifndef GROVE_ABI_LANGUAGE_H
#define GROVE_ABI_LANGUAGE_H

#ifdef __cplusplus
#define GROVE_ALIGNED(bytes) alignas(bytes)
#define GROVE_STATIC_ASSERT(condition, sentence) static_assert(condition, sentence)
#else
#define GROVE_ALIGNED(bytes) _Alignas(bytes)
#define GROVE_STATIC_ASSERT(condition, sentence) _Static_assert(condition, sentence)
#endif

#endif
