package peers;

import java.util.concurrent.TimeUnit;
import org.apache.http.client.config.RequestConfig;
import org.apache.http.client.methods.HttpGet;
import org.apache.http.conn.ConnectionPoolTimeoutException;
import org.apache.http.impl.client.CloseableHttpClient;
import org.apache.http.impl.client.HttpClients;
import org.apache.http.util.EntityUtils;

/** Apache HttpClient 4.5. */
final class Apache4 implements Caller {
    private final CloseableHttpClient client;

    Apache4(Settings settings) {
        var builder = HttpClients.custom();
        var request = RequestConfig.custom();
        settings.ifNumber("maxConnTotal", builder::setMaxConnTotal);
        settings.ifNumber("maxConnPerRoute", builder::setMaxConnPerRoute);
        settings.ifNumber("connectionRequestTimeout", request::setConnectionRequestTimeout);
        settings.ifNumber(
            "evictIdleConnections",
            millis -> builder.evictIdleConnections((long) millis, TimeUnit.MILLISECONDS)
        );
        client = builder.setDefaultRequestConfig(request.build()).build();
    }

    @Override
    public Ending call(String url) throws Exception {
        try (var response = client.execute(new HttpGet(url))) {
            EntityUtils.consume(response.getEntity());
            return Ending.ANSWERED;
        } catch (ConnectionPoolTimeoutException failure) {
            return Ending.TIMED_OUT;
        }
    }
}
