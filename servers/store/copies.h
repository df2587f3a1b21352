/*
 * Backup and restore (copies.c).
 */
#ifndef SERVERS_STORE_COPIES_H
#define SERVERS_STORE_COPIES_H

#include "servers/store/store.h"

int on_backup(struct grove_request *request, void *context);
int on_restore(struct grove_request *request, void *context);
/* Before the database is opened: put a restored one in its place, if one waits. GROVE_IO. */
int restore_adopt(int folder);

#endif
