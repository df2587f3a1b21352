/*
 * One word, two wakers: a service with one client sleeps on that client's signal word, which the client and the kernel
 * both change, and hears of every record and of every packet.
 *
 * Mirrors channel_end_signal, count_packet (kernel/core/port/send.c) and wait_on_only (lib/session/wait.c). The client
 * loads the word and stores it later, so an addition of the kernel in between is overwritten. Claim: nobody sleeps while
 * something is there, because whatever the client then stores is a value that the word never had. Sleeping is modelled as
 * futex(2) does it: compare and fall asleep in one step, until somebody wakes.
 */
#define RECORDS 3
#define PACKETS 3
#ifdef MUTANT_CLIENT_STEPS_BY_ONE
#define STEP 1
#else
#define STEP 16
#endif

byte write, taken; /* of the client's lane; by the service */
byte notices, read; /* packets that the kernel counted; those that the service has read */
byte word; /* the client's signal word */
byte waiting; /* of the service: odd while it says that it sleeps */
bool asleep;

active proctype Client() {
    byte loaded, seen, woken;
    do
    :: write == RECORDS -> break
    :: else ->
       write++;
       seen = waiting;
       if
       :: seen % 2 == 1 && seen != woken ->
          woken = seen;
          loaded = word;
          word = loaded + STEP;
          asleep = false
       :: else
       fi
    od
}

active proctype Kernel() {
    byte sent;
    do
    :: sent == PACKETS -> break
    :: else ->
       sent++;
       notices++;
#ifndef MUTANT_KERNEL_ONLY_WAKES
       word++;
#endif
       asleep = false
    od
}

active proctype Service() {
    byte seen, count;
    do
    :: notices != read -> read = notices
    :: write != taken -> taken = write
    :: else ->
#ifndef MUTANT_WORD_IS_READ_LAST
       seen = word;
#endif
       count++;
       waiting = 2 * count + 1;
       if
       :: write != taken -> skip
#ifndef MUTANT_NO_LOOK_FOR_PACKETS
       :: notices != read -> skip
#endif
       :: else ->
#ifdef MUTANT_WORD_IS_READ_LAST
          seen = word;
#endif
          d_step { asleep = (word == seen) }
end_service:
          (!asleep)
       fi;
       waiting = 2 * count
    od
}

active proctype Observer() {
    timeout;
    assert(taken == RECORDS && read == PACKETS)
}
