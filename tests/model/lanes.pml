/*
 * Three lanes, one consumer: the highest lane that has something is served first, and nobody sleeps over any of them.
 *
 * Mirrors channel_end_prepare_sleep and the order in which a service takes: before each record it looks from the highest
 * lane down. Claim: what is taken from a lane is never taken while a higher lane held something when that look began;
 * and in the end everything that was published was taken. Death and room are in ring.pml.
 */
#define LANES 3
#define EACH 2 /* records in each lane */

byte write[LANES], taken[LANES];
byte waiting, signal; /* of the consumer; of the producer */

inline look(lane) {
    if
    :: !found && write[lane] != taken[lane] -> found = true; which = lane
    :: else
    fi
}

active proctype Producer() {
    byte lane, seen, woken;
    do
    :: write[0] + write[1] + write[2] == LANES * EACH -> break
    :: else ->
       if
       :: write[0] < EACH -> lane = 0
       :: write[1] < EACH -> lane = 1
       :: write[2] < EACH -> lane = 2
       fi;
       write[lane]++;
       seen = waiting;
       if
       :: seen % 2 == 1 && seen != woken -> woken = seen; signal++
       :: else
       fi
    od
}

active proctype Consumer() {
    byte which, count, seen, before[LANES];
    bool found;
    do
    :: found = false;
       d_step { before[0] = write[0]; before[1] = write[1]; before[2] = write[2] }
#ifdef MUTANT_LOWEST_FIRST
       look(2); look(1); look(0);
#else
       look(0); look(1); look(2);
#endif
       if
       :: found ->
          assert(which == 0 || before[0] == taken[0]);
          assert(which <= 1 || before[1] == taken[1]);
          taken[which]++
       :: else ->
          seen = signal;
          count++;
          waiting = 2 * count + 1;
#ifdef MUTANT_SLEEPER_LOOKS_AT_ONE_LANE
          if
          :: write[0] != taken[0] -> skip
#else
          if
          :: write[0] != taken[0] || write[1] != taken[1] || write[2] != taken[2] -> skip
#endif
          :: else ->
end_consumer:
             (signal != seen)
          fi;
          waiting = 2 * count
       fi
    od
}

active proctype Observer() {
    timeout;
    assert(taken[0] == EACH && taken[1] == EACH && taken[2] == EACH)
}
