/*
 * Status codes: the one error convention of Grove.
 *
 * Every function returns 0 or a negative enum grove_status; results go into out-parameters, which a failing function
 * leaves untouched. The numbers cross the kernel port and are written to the audit log, so they never change meaning;
 * new ones are appended.
 */
#ifndef GROVE_ABI_STATUS_H
#define GROVE_ABI_STATUS_H

/* X(name, number, sentence) - the sentence completes "failed: ..." for a person. */
#define GROVE_STATUS_TABLE(X) \
    X(GROVE_OK, 0, "success") \
    X(GROVE_INVALID, -1, "an argument or a message is malformed") \
    X(GROVE_DENIED, -2, "a capability is missing") \
    X(GROVE_NOT_FOUND, -3, "no object of that name exists") \
    X(GROVE_STALE_HANDLE, -4, "the handle names an object that is gone") \
    X(GROVE_EXISTS, -5, "an object of that name exists already") \
    X(GROVE_EXHAUSTED, -6, "a bounded pool, queue or budget is used up") \
    X(GROVE_TIMED_OUT, -7, "the deadline passed") \
    X(GROVE_AGAIN, -8, "nothing is there now; try again") \
    X(GROVE_CLOSED, -9, "the other end is gone and will not come back") \
    X(GROVE_WRONG_STATE, -10, "the object is not in a state that allows this") \
    X(GROVE_UNSUPPORTED, -11, "this machine cannot do that") \
    X(GROVE_TOO_LARGE, -12, "it is larger than the limit") \
    X(GROVE_CORRUPT, -13, "stored or shared data failed its check") \
    X(GROVE_IO, -14, "the operating system or a device reported an error") \
    X(GROVE_NO_MEMORY, -15, "memory is exhausted") \
    X(GROVE_LAYER_MISSING, -16, "a sandbox layer could not be set up") \
    X(GROVE_VERSION, -17, "the two sides do not share a version") \
    X(GROVE_CYCLE, -18, "the dependencies form a cycle") \
    X(GROVE_CANCELLED, -19, "it was cancelled before it completed") \
    X(GROVE_HANDLER_FAILED, -20, "the service's handler reported an error") \
    X(GROVE_READ_ONLY, -21, "the place to write to is read-only") \
    X(GROVE_FULL, -22, "the disk is full") \
    X(GROVE_NO_DESCRIPTORS, -23, "no file descriptor is free")

enum grove_status {
#define GROVE_STATUS_ENUM(name, number, sentence) name = (number),
    GROVE_STATUS_TABLE(GROVE_STATUS_ENUM)
#undef GROVE_STATUS_ENUM
};

#endif
