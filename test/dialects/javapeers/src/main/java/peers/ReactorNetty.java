package peers;

import java.time.Duration;
import reactor.core.Exceptions;
import reactor.netty.http.client.HttpClient;
import reactor.netty.internal.shaded.reactor.pool.PoolAcquirePendingLimitException;
import reactor.netty.internal.shaded.reactor.pool.PoolAcquireTimeoutException;
import reactor.netty.resources.ConnectionProvider;

/** reactor-netty, with a pool by its own names or one of the three that Spring Cloud Gateway makes of it. */
final class ReactorNetty implements Caller {
    private final HttpClient client;

    private ReactorNetty(ConnectionProvider provider) {
        client = HttpClient.create(provider);
    }

    static ReactorNetty byItself(Settings settings) {
        var builder = ConnectionProvider.builder("peer");
        settings.ifNumber("maxConnections", builder::maxConnections);
        settings.ifNumber("pendingAcquireMaxCount", builder::pendingAcquireMaxCount);
        settings.ifNumber("pendingAcquireTimeout", millis -> builder.pendingAcquireTimeout(Duration.ofMillis(millis)));
        settings.ifNumber("maxIdleTime", millis -> builder.maxIdleTime(Duration.ofMillis(millis)));
        settings.ifNumber("evictInBackground", millis -> builder.evictInBackground(Duration.ofMillis(millis)));
        return new ReactorNetty(builder.build());
    }

    /** By `pool.type`: what each is made of is HttpClientFactory.java:168-184 of Spring Cloud Gateway. */
    static ReactorNetty ofGateway(Settings settings) {
        String type = settings.text("pool.type", "ELASTIC");
        if (type.equals("DISABLED")) return new ReactorNetty(ConnectionProvider.newConnection());
        var builder = ConnectionProvider.builder("proxy").pendingAcquireMaxCount(-1);
        if (type.equals("ELASTIC")) {
            builder.maxConnections(Integer.MAX_VALUE).pendingAcquireTimeout(Duration.ZERO);
        } else {
            settings.ifNumber("pool.max-connections", builder::maxConnections);
            builder.pendingAcquireTimeout(Duration.ofMillis(Long.parseLong(settings.text("pool.acquire-timeout", "45000"))));
        }
        return new ReactorNetty(builder.build());
    }

    @Override
    public Ending call(String url) throws Exception {
        try {
            client.get().uri(url).responseSingle((response, body) -> body.asByteArray()).block();
            return Ending.ANSWERED;
        } catch (RuntimeException failure) {
            var cause = Exceptions.unwrap(failure);
            if (cause instanceof PoolAcquirePendingLimitException) return Ending.REFUSED;
            if (cause instanceof PoolAcquireTimeoutException) return Ending.TIMED_OUT;
            throw failure;
        }
    }
}
