/*
 * Given to the compiler ahead of every file of lib/channel when it is built for the kill test: each store to the own
 * segment is followed by this call, which may not return.
 */
void channel_stored(void);
