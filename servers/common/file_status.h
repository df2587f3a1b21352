/*
 * What a failed call on a file or a folder means for whoever asked.
 */
#ifndef SERVERS_FILE_STATUS_H
#define SERVERS_FILE_STATUS_H

/* errno as GROVE_FULL, GROVE_READ_ONLY, GROVE_NO_DESCRIPTORS, GROVE_NO_MEMORY, or for all else GROVE_IO. */
int file_status(int error);

#endif
