/* What the tests of the journal share: a folder, records that can be told, and reading them all back. */
#ifndef LIB_JOURNAL_TESTING_SUPPORT_H
#define LIB_JOURNAL_TESTING_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "grove/journal.h"

#define TEST_DAMAGES_MAX 64u

extern char test_path[32];
extern int test_folder;
/* What was told since the journal was opened. */
extern struct grove_journal_damage test_damages[TEST_DAMAGES_MAX];
extern unsigned test_damage_count;

int test_make_folder(void **state);
int test_remove_folder(void **state);
void test_empty_folder(void);
#define JOURNAL_TEST(name) cmocka_unit_test_setup_teardown(name, test_make_folder, test_remove_folder)

struct grove_journal *test_open_with(struct grove_journal_limits limits);
struct grove_journal *test_open_small(void); /* segments of 64 KiB */
/* Record n holds its number, and as many bytes as the number says, mod 50. */
void test_append(struct grove_journal *journal, uint64_t number);
void test_commit(struct grove_journal *journal, uint64_t first, uint32_t count);
/* Records first to last, `group` in a commit. */
void test_fill(struct grove_journal *journal, uint64_t first, uint64_t last, unsigned group);
void test_expect_item(const struct grove_journal_item *item);
/* All of [first, last], in order, once; whatever is missing is told as a gap. Returns how many are missing. */
uint64_t test_read_all(struct grove_journal *journal, uint64_t first, uint64_t last);

#endif
