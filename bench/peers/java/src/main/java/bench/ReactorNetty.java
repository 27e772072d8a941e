package bench;

import java.time.Duration;
import java.util.function.LongSupplier;
import reactor.core.publisher.Mono;
import reactor.netty.http.client.HttpClient;
import reactor.netty.resources.ConnectionProvider;

/** Lanes are chains of callbacks on its event loop. */
final class ReactorNetty implements Client {
    private final Mono<Void> exchange;

    ReactorNetty(String url, int connectionCount) {
        var provider = ConnectionProvider.builder("bench")
            .maxConnections(connectionCount)
            .pendingAcquireMaxCount(-1)
            .build();
        exchange = HttpClient.create(provider)
            .disableRetry(true)
            .get()
            .uri(url)
            .responseSingle((response, body) ->
                response.status().code() == 200
                    ? body.asByteArray().then()
                    : Mono.error(new IllegalStateException("status " + response.status())));
    }

    @Override
    public void call() {
        exchange.block();
    }

    @Override
    public void lane(LongSupplier next, Note note, Runnable onEnd) {
        long from = next.getAsLong();
        if (from == Drive.OVER) {
            onEnd.run();
            return;
        }
        long left = from - System.nanoTime();
        var due = left > 0 ? Mono.delay(Duration.ofNanos(left)).then(exchange) : exchange;
        due.subscribe(
            nothing -> {},
            failure -> {
                note.ended(from, false);
                Mono.delay(Duration.ofNanos(PAUSE_AFTER_FAILURE_NANOS)).subscribe(tick -> lane(next, note, onEnd));
            },
            () -> {
                note.ended(from, true);
                lane(next, note, onEnd);
            }
        );
    }
}
