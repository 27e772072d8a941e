package peers;

import org.apache.hc.client5.http.classic.methods.HttpGet;
import org.apache.hc.client5.http.config.RequestConfig;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.apache.hc.client5.http.impl.classic.HttpClients;
import org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManagerBuilder;
import org.apache.hc.core5.http.ConnectionRequestTimeoutException;
import org.apache.hc.core5.http.io.entity.EntityUtils;
import org.apache.hc.core5.pool.PoolConcurrencyPolicy;
import org.apache.hc.core5.util.TimeValue;
import org.apache.hc.core5.util.Timeout;

/** Apache HttpClient 5. */
final class Apache5 implements Caller {
    private final CloseableHttpClient client;

    Apache5(Settings settings) {
        var builder = HttpClients.custom();
        var pool = PoolingHttpClientConnectionManagerBuilder.create();
        var request = RequestConfig.custom();
        settings.ifNumber("maxConnTotal", pool::setMaxConnTotal);
        settings.ifNumber("maxConnPerRoute", pool::setMaxConnPerRoute);
        settings.ifText(
            "poolConcurrencyPolicy",
            policy -> pool.setPoolConcurrencyPolicy(PoolConcurrencyPolicy.valueOf(policy))
        );
        settings.ifNumber(
            "connectionRequestTimeout",
            millis -> request.setConnectionRequestTimeout(Timeout.ofMilliseconds(millis))
        );
        settings.ifNumber(
            "evictIdleConnections",
            millis -> builder.evictIdleConnections(TimeValue.ofMilliseconds(millis))
        );
        client = builder.setConnectionManager(pool.build()).setDefaultRequestConfig(request.build()).build();
    }

    @Override
    public Ending call(String url) throws Exception {
        try {
            return client.execute(new HttpGet(url), response -> {
                EntityUtils.consume(response.getEntity());
                return Ending.ANSWERED;
            });
        } catch (ConnectionRequestTimeoutException failure) {
            return Ending.TIMED_OUT;
        }
    }
}
