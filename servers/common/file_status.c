#include "servers/common/file_status.h"

#include <errno.h>

#include "grove/abi/status.h"

int file_status(int error) {
    switch (error) {
    case ENOSPC:
    case EDQUOT:
        return GROVE_FULL;
    case EROFS:
    case EACCES:
    case EPERM:
        return GROVE_READ_ONLY;
    case EMFILE:
    case ENFILE:
        return GROVE_NO_DESCRIPTORS;
    case ENOMEM:
        return GROVE_NO_MEMORY;
    default:
        return GROVE_IO;
    }
}
