/*
 * SQLite can load extensions at run time; the store never does, and a static program could not. The linker puts these in the
 * place of the C library's (--wrap).
 */
#include <stddef.h>

void *__wrap_dlopen(const char *path, int flags);
void *__wrap_dlsym(void *handle, const char *name);
int __wrap_dlclose(void *handle);
char *__wrap_dlerror(void);

void *__wrap_dlopen(const char *path, int flags) {
    (void)path;
    (void)flags;
    return NULL;
}

void *__wrap_dlsym(void *handle, const char *name) {
    (void)handle;
    (void)name;
    return NULL;
}

int __wrap_dlclose(void *handle) {
    (void)handle;
    return -1;
}

char *__wrap_dlerror(void) {
    static char text[] = "nothing is loaded at run time";
    return text;
}
