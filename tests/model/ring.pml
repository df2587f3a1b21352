/*
 * One lane: publish and complete by position, sleep and wake, death of either side at any step, hand-over.
 *
 * Mirrors lib/channel/ring.c and end.c: the names are theirs. Each side has a segment for each of its instances; the
 * kernel closes the segment of one that died, copies it for the next, and shows the copy to the other side by a notice.
 * The application's side of it is the outside world: `accepted` and `handled` outlive every instance.
 *
 * Claims, checked in every reachable state: the consumer never reads a record that was not completely written; nothing
 * is handled twice unless it was marked; and when nothing can go on any more, everything was sent, everything accepted
 * was handled and completed - so no wake-up is ever lost and there is no deadlock.
 *
 * The mutants (-D...) break one line each; run-models checks that each of them fails.
 */
/*
 * What can be searched whole, in turn: ROOM is how many records the lane holds.
 * CONFIGURATION -DMESSAGES=3 -DROOM=2
 * CONFIGURATION -DMESSAGES=3 -DROOM=1
 * CONFIGURATION -DMESSAGES=2 -DROOM=2 -DCONSUMER_DIES
 * CONFIGURATION -DMESSAGES=2 -DROOM=2 -DPRODUCER_DIES
 */
#define EPOCHS 2
#define RECORDS 6 /* positions ever used, at most */
#define NONE 255

typedef segment {
    byte record[ROOM];
    byte write;   /* write_position */
    byte read;    /* read_position of the other side's lane */
    byte taken;   /* taken_position */
    byte waiting; /* how it sleeps, and which sleep it is; see word() */
    byte signal;
    bool closed;
}
segment producer[EPOCHS];
segment consumer[EPOCHS];
byte producer_shown = NONE, consumer_shown = NONE; /* newest segment that the kernel shows to the other side */
byte producer_told, consumer_told;                 /* notices: change when the kernel has something to say */
bool kill_producer, kill_consumer;

/* The outside world. */
byte attempts, sent;
bool accepted[RECORDS];
byte handled[RECORDS];
byte written[RECORDS]; /* what the record at this position is, once it is complete */

/* The waiting word: asleep or not, and the number of the sleep. */
#define awake(count) (2 * (count))
#define asleep(count) (2 * (count) + 1)
#define is_asleep(word) ((word) % 2 == 1)

/* Wake the other side if it sleeps and this end has not woken it from this very sleep. */
inline wake_other(mine, other) {
    d_step {
#ifdef MUTANT_SLEEPS_ARE_NOT_COUNTED
        seen = (is_asleep(other.waiting) -> 1 : 0);
#else
        seen = other.waiting;
#endif
        must_wake = is_asleep(seen) && seen != woken;
        woken = (must_wake -> seen : woken);
        seen = 0
    }
    if
    :: must_wake -> d_step { must_wake = false; mine.signal++ }
    :: else
    fi
}

inline publish() {
#ifdef MUTANT_PUBLISH_BEFORE_WRITE
    producer[e].write = position + 1;
    producer[e].record[position % ROOM] = attempt; written[position] = attempt;
#else
    producer[e].record[position % ROOM] = attempt;
    written[position] = attempt;
#ifdef MUTANT_PUBLISH_WITHOUT_FENCE
    /* The processor may load the other side's waiting word before its own store is visible. */
    if
    :: peer != NONE -> early = consumer[peer].waiting;
       producer[e].write = position + 1;
       if
       :: is_asleep(early) && early != woken -> woken = early; producer[e].signal++
       :: else
       fi;
       early = 0;
       goto published
    :: true
    fi;
#endif
    producer[e].write = position + 1;
#endif
    if
    :: peer != NONE -> wake_other(producer[e], consumer[peer])
    :: else
    fi;
published:
    skip
}

/* The producer changes over to the newest segment of the consumer, and wakes it if it slept before that. */
inline producer_look() {
    if
    :: consumer_shown != peer ->
       d_step { peer = consumer_shown; woken = 0; known_read = consumer[peer].read }
#ifndef MUTANT_NO_WAKE_AFTER_ATTACH
       wake_other(producer[e], consumer[peer])
#endif
    :: else
    fi
}

/* Sleep until the other side or the kernel says something, or until there is room. */
inline producer_sleep() {
    told = producer_told;
    producer_look();
    if
    :: peer == NONE -> (producer_told != told)
    :: else ->
       d_step { signal = consumer[peer].signal; closed = consumer[peer].closed; count++ }
       producer[e].waiting = asleep(count);
       if
#ifdef MUTANT_ROOM_IS_COMPARED_WITH_THE_LAST_LOOK
       :: consumer[peer].read != known_read -> skip
#else
       :: consumer[peer].read != refused_at -> skip
#endif
       :: else ->
          if
          :: closed -> (producer_told != told)
          :: else -> (consumer[peer].signal != signal || consumer[peer].closed)
          fi
       fi;
       d_step { producer[e].waiting = awake(count); signal = 0; closed = false }
    fi;
    d_step { told = 0; refused_at = 0 }
}

proctype Producer(byte e) {
    byte peer = NONE, position, known_read, refused_at, attempt, seen, woken, told, signal, count, early;
    bool closed, must_wake;
    {
        d_step {
            position = producer[e].write; count = producer[e].waiting / 2;
            producer[e].closed = false; producer[e].waiting = awake(count)
        }
        /* No lower than what the lane can hold. */
        known_read = (position > ROOM -> position - ROOM : 0);
        d_step { producer_shown = e; consumer_told++ }
        producer_look();
        do
        :: sent == MESSAGES -> break
        :: sent < MESSAGES ->
           if
           :: peer != NONE -> known_read = consumer[peer].read
           :: else
           fi;
           assert(known_read <= position && position - known_read <= ROOM);
           if
           :: d_step { position - known_read == ROOM -> refused_at = known_read } producer_sleep()
           :: else ->
              d_step { attempt = attempts; attempts++ }
              publish();
              d_step { position++; accepted[attempt] = true; sent++; attempt = 0 }
           fi;
           producer_look()
        od;
        /* It stays, to change over when the consumer's next instance comes. */
        do
        :: told = producer_told; producer_look();
end_producer:
           (producer_told != told)
        od
    } unless { kill_producer };
    atomic {
        kill_producer = false;
        producer[e].closed = true; /* the kernel */
        producer[e + 1].write = producer[e].write; producer[e + 1].waiting = producer[e].waiting;
        producer[e + 1].signal = producer[e].signal;
        producer[e + 1].record[0] = producer[e].record[0]; producer[e + 1].record[ROOM - 1] = producer[e].record[ROOM - 1];
        run Producer(e + 1)
    }
}

inline consumer_look() {
    if
    :: d_step { producer_shown != peer -> peer = producer_shown; woken = 0 } wake_other(consumer[e], producer[peer])
    :: else
    fi
}

inline consumer_sleep() {
    told = consumer_told;
    consumer_look();
    if
    :: peer == NONE ->
end_consumer_alone:
       (consumer_told != told)
    :: else ->
       d_step { signal = producer[peer].signal; closed = producer[peer].closed; count++ }
#ifdef MUTANT_SLEEP_WITHOUT_FENCE
       early = producer[peer].write;
       consumer[e].waiting = asleep(count);
#else
       consumer[e].waiting = asleep(count);
       early = producer[peer].write;
#endif
       if
       :: early != position -> skip
       :: else ->
          if
          :: closed ->
end_consumer_closed:
             (consumer_told != told)
          :: else ->
end_consumer:
#ifdef MUTANT_KERNEL_CLOSES_NOTHING
             (producer[peer].signal != signal)
#else
             (producer[peer].signal != signal || producer[peer].closed)
#endif
          fi
       fi;
       d_step { consumer[e].waiting = awake(count); signal = 0; closed = false; early = 0 }
    fi;
    told = 0
}

inline handle() {
    d_step {
        assert(message == written[position]);
        assert(handled[message] == 0 || marked);
        handled[message] = 1
    }
}

inline complete() {
    consumer[e].read = position + 1;
    if
    :: peer != NONE -> wake_other(consumer[e], producer[peer])
    :: else
    fi
}

proctype Consumer(byte e) {
    byte peer = NONE, position, redelivered_below, message, seen, woken, told, signal, count, early;
    bool closed, marked, must_wake;
    {
        d_step {
            position = consumer[e].read; redelivered_below = consumer[e].taken; count = consumer[e].waiting / 2;
            consumer[e].closed = false; consumer[e].waiting = awake(count)
        }
        d_step { consumer_shown = e; producer_told++ }
        consumer_look();
        do
        :: peer != NONE && producer[peer].write != position ->
           d_step {
               message = producer[peer].record[position % ROOM];
               marked = position < redelivered_below
           }
           if
           :: !marked ->
#ifndef MUTANT_TAKEN_IS_NOT_STORED
              consumer[e].taken = position + 1
#else
              skip
#endif
           :: else
           fi;
#ifdef MUTANT_COMPLETE_BEFORE_HANDLE
           complete();
           handle();
#else
           handle();
           complete();
#endif
           d_step { position++; message = 0; marked = false }
           consumer_look()
        :: else -> consumer_sleep(); consumer_look()
        od
    } unless { kill_consumer };
    atomic {
        kill_consumer = false;
        consumer[e].closed = true;
        consumer[e + 1].read = consumer[e].read; consumer[e + 1].taken = consumer[e].taken;
        consumer[e + 1].waiting = consumer[e].waiting; consumer[e + 1].signal = consumer[e].signal;
        run Consumer(e + 1)
    }
}

proctype Death() {
end_death:
#ifdef PRODUCER_DIES
    atomic { producer_shown == 0 -> kill_producer = true }
#endif
#ifdef CONSUMER_DIES
    atomic { consumer_shown == 0 -> kill_consumer = true }
#endif
    skip
}

active proctype Observer() {
    byte i;
    atomic { run Producer(0); run Consumer(0); run Death() }
    /* When nobody can go on any more. */
    timeout;
    assert(sent == MESSAGES);
    for (i : 0 .. RECORDS - 1) {
        assert(!accepted[i] || handled[i] != 0)
    }
    assert(consumer[consumer_shown].read == producer[producer_shown].write)
}
