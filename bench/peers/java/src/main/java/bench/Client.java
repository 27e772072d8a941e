package bench;

import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;

/** What is asked of a client to be driven. A blocking one has a thread for each lane, as its users give it. */
interface Client {
    long PAUSE_AFTER_FAILURE_NANOS = 10_000_000;

    interface Note {
        void ended(long fromNanos, boolean isAnswered);
    }

    /** One GET whose body is read. */
    void call() throws Exception;

    /** Calls one after the other, each at the time that `next` tells, until that is `Drive.OVER`. */
    default void lane(LongSupplier next, Note note, Runnable onEnd) {
        new Thread(() -> {
            for (long from = next.getAsLong(); from != Drive.OVER; from = next.getAsLong()) {
                for (long left = from - System.nanoTime(); left > 0; left = from - System.nanoTime()) {
                    LockSupport.parkNanos(left);
                }
                try {
                    call();
                    note.ended(from, true);
                } catch (Exception failure) {
                    note.ended(from, false);
                    LockSupport.parkNanos(PAUSE_AFTER_FAILURE_NANOS);
                }
            }
            onEnd.run();
        }).start();
    }
}
