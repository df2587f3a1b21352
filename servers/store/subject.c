/* What hooks are shown of a namespace and a key: text, whatever the key is. Stateless. */
#include "servers/store/points.h"

#include <string.h>

void points_subject(char subject[GROVE_HOOK_SUBJECT_MAX + 1], const char *name, const uint8_t *key, uint8_t key_bytes) {
    size_t length = strlen(name);
    memcpy(subject, name, length);
    if (key != NULL)
        subject[length++] = ' ';
    for (unsigned index = 0; key != NULL && index < key_bytes && length < GROVE_HOOK_SUBJECT_MAX; index++)
        subject[length++] = key[index] < ' ' || key[index] == 0x7f ? '?' : (char)key[index];
    subject[length] = '\0';
}
