package peers;

/** One system's client, called from as many threads as there are calls. */
interface Caller {
    enum Ending { ANSWERED, REFUSED, TIMED_OUT }

    /** One GET whose body is read; throws where it ends otherwise than a pool would have it end. */
    Ending call(String url) throws Exception;
}
