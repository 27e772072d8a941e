package bench;

import java.io.IOException;
import java.util.concurrent.TimeUnit;
import okhttp3.ConnectionPool;
import okhttp3.Dispatcher;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManagerBuilder;
import org.apache.http.client.methods.HttpGet;
import org.apache.http.util.EntityUtils;

/** Java's clients by name; each holds at most so many connections, and waits for one without end. */
final class Clients {
    static Client make(String name, String url, int connectionCount) {
        return switch (name) {
            case "Apache HttpClient 4" -> apache4(url, connectionCount);
            case "Apache HttpClient 5" -> apache5(url, connectionCount);
            case "OkHttp" -> okHttp(url, connectionCount);
            case "reactor-netty" -> new ReactorNetty(url, connectionCount);
            default -> throw new IllegalArgumentException("There is no client " + name);
        };
    }

    private static void must200(int status) throws IOException {
        if (status != 200) throw new IOException("status " + status);
    }

    private static Client apache4(String url, int connectionCount) {
        var client = org.apache.http.impl.client.HttpClients.custom()
            .setMaxConnTotal(connectionCount)
            .setMaxConnPerRoute(connectionCount)
            .disableContentCompression()
            .disableAutomaticRetries()
            .build();
        return () -> {
            try (var response = client.execute(new HttpGet(url))) {
                must200(response.getStatusLine().getStatusCode());
                EntityUtils.consume(response.getEntity());
            }
        };
    }

    private static Client apache5(String url, int connectionCount) {
        var connections = PoolingHttpClientConnectionManagerBuilder.create()
            .setMaxConnTotal(connectionCount)
            .setMaxConnPerRoute(connectionCount)
            .build();
        var client = org.apache.hc.client5.http.impl.classic.HttpClients.custom()
            .setConnectionManager(connections)
            .disableContentCompression()
            .disableAutomaticRetries()
            .build();
        return () -> client.execute(new org.apache.hc.client5.http.classic.methods.HttpGet(url), response -> {
            must200(response.getCode());
            org.apache.hc.core5.http.io.entity.EntityUtils.consume(response.getEntity());
            return null;
        });
    }

    /** OkHttp does not limit connections; as many threads call as there are callers. */
    private static Client okHttp(String url, int connectionCount) {
        var dispatcher = new Dispatcher();
        dispatcher.setMaxRequests(connectionCount);
        dispatcher.setMaxRequestsPerHost(connectionCount);
        var client = new OkHttpClient.Builder()
            .dispatcher(dispatcher)
            .connectionPool(new ConnectionPool(connectionCount, 5, TimeUnit.MINUTES))
            .retryOnConnectionFailure(false)
            .build();
        var request = new Request.Builder().url(url).header("Accept-Encoding", "identity").build();
        return () -> {
            try (var response = client.newCall(request).execute()) {
                must200(response.code());
                response.body().bytes();
            }
        };
    }
}
