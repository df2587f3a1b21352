/*
 * The provider "memory": entries that last as long as the store's process. For what can be made again.
 */
#ifndef SERVERS_STORE_MEMORY_H
#define SERVERS_STORE_MEMORY_H

#include "servers/store/provider.h"

/* GROVE_NO_MEMORY. End it with memory_destroy; its views must be closed before. */
int memory_create(struct provider **provider);
void memory_destroy(struct provider *provider);

#endif
