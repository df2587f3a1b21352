/*
 * What a container has on disk: a sum and its limit, in a page that groved and the processes in between share.
 *
 * Taking is all or nothing and never passes the limit, whoever takes at the same time: one compare and exchange decides. The
 * limit may be lowered below the sum; then nothing more can be taken until enough was given back.
 */
#ifndef GROVE_LINUX_QUOTA_ACCOUNT_H
#define GROVE_LINUX_QUOTA_ACCOUNT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define ACCOUNT_BLOCK_BYTES UINT64_C(4096)

struct account {
    _Atomic uint64_t used_bytes, limit_bytes;
    _Atomic uint32_t unmeasured; /* folders that are not in the sum yet; a futex word */
};

enum account_answer {
    ACCOUNT_TAKEN,
    ACCOUNT_NEAR, /* taken, and by that nine tenths of the limit were passed */
    ACCOUNT_REFUSED
};

/* A length on disk: whole blocks. UINT64_MAX for what no file can be. */
uint64_t account_blocks(uint64_t bytes);
enum account_answer account_take(struct account *account, uint64_t bytes);
/* Add what is there already, whatever the limit is. */
void account_add(struct account *account, uint64_t bytes);
/* Never below 0: somebody else may have made what is removed now. */
void account_give(struct account *account, uint64_t bytes);
/* What can still be taken. */
uint64_t account_left(struct account *account);

/* One of the folders is in the sum. */
void account_measured(struct account *account);
/* Wait until all of them are. */
void account_wait(struct account *account);
/* Nobody is to wait any more. */
void account_let_go(struct account *account);

#endif
