/* Folders below the bus's own. File descriptors only; whoever may write there is the bus. */
#ifndef SERVERS_BUS_FOLDERS_H
#define SERVERS_BUS_FOLDERS_H

#include <stdbool.h>

/* A descriptor of the folder, which is made if it is missing. -1: errno says why. */
int folder_open(int parent, const char *name);
/* Remove it with the files in it. What cannot be removed stays. */
void folder_remove(int parent, const char *name);
/* Remove all folders below `parent` that are not to be kept. */
void folder_sweep(int parent, bool (*is_kept)(const char *name, const void *context), const void *context);

#endif
