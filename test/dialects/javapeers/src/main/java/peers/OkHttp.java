package peers;

import java.io.IOException;
import java.net.Proxy;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import okhttp3.Call;
import okhttp3.Callback;
import okhttp3.ConnectionPool;
import okhttp3.Dispatcher;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;

/** OkHttp. Calls are synchronous, which no Dispatcher limits, unless the settings have limits for one. */
final class OkHttp implements Caller {
    private final OkHttpClient client;
    private boolean isEnqueuing;

    OkHttp(Settings settings) {
        var dispatcher = new Dispatcher();
        settings.ifNumber("dispatcher.maxRequests", count -> {
            dispatcher.setMaxRequests(count);
            isEnqueuing = true;
        });
        settings.ifNumber("dispatcher.maxRequestsPerHost", count -> {
            dispatcher.setMaxRequestsPerHost(count);
            isEnqueuing = true;
        });
        var pool = new ConnectionPool(
            Integer.parseInt(settings.text("connectionPool.maxIdleConnections", "5")),
            Long.parseLong(settings.text("connectionPool.keepAliveDuration", "5")),
            TimeUnit.valueOf(settings.text("connectionPool.timeUnit", "MINUTES"))
        );
        client = new OkHttpClient.Builder().proxy(Proxy.NO_PROXY).dispatcher(dispatcher).connectionPool(pool).build();
    }

    @Override
    public Ending call(String url) throws Exception {
        var call = client.newCall(new Request.Builder().url(url).build());
        try (var response = isEnqueuing ? enqueued(call) : call.execute()) {
            response.body().bytes();
            return Ending.ANSWERED;
        }
    }

    private static Response enqueued(Call call) throws Exception {
        var answer = new CompletableFuture<Response>();
        call.enqueue(new Callback() {
            @Override
            public void onResponse(Call answered, Response response) {
                answer.complete(response);
            }

            @Override
            public void onFailure(Call failed, IOException failure) {
                answer.completeExceptionally(failure);
            }
        });
        return answer.get();
    }
}
