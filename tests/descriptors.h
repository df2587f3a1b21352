/* Counting the own descriptors, before and after: for tests of what must not leave any open. */
#ifndef GROVE_TESTS_DESCRIPTORS_H
#define GROVE_TESTS_DESCRIPTORS_H

#include <dirent.h>

/* The one that counting needs is among them, each time. -1 where /proc cannot be read. */
static inline int descriptors_open(void) {
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL)
        return -1;
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

#endif
