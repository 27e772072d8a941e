package peers;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Makes calls through one of Java's clients: `Main SYSTEM KEY=VALUE...`, then as PeerProgram.ts says every program does.
 */
public final class Main {
    public static void main(String[] args) {
        try {
            var words = List.of(args);
            var settings = new Settings(words.subList(1, words.size()));
            var caller = callerOf(words.get(0), settings);
            settings.mustBeRead();
            serve(caller);
            System.exit(0);
        } catch (Exception failure) {
            leave(failure);
        }
    }

    private static Caller callerOf(String system, Settings settings) {
        return switch (system) {
            case "apache4" -> new Apache4(settings);
            case "apache5" -> new Apache5(settings);
            case "okhttp" -> new OkHttp(settings);
            case "reactor-netty" -> ReactorNetty.byItself(settings);
            case "spring-cloud-gateway" -> ReactorNetty.ofGateway(settings);
            default -> throw new IllegalArgumentException("There is no system " + system);
        };
    }

    private static void serve(Caller caller) throws IOException {
        var threads = Executors.newCachedThreadPool();
        var lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split(" ");
            threads.submit(() -> {
                try {
                    System.out.println(callMany(threads, caller, words[0], Integer.parseInt(words[1])));
                } catch (Exception failure) {
                    leave(failure);
                }
            });
        }
    }

    private static String callMany(ExecutorService threads, Caller caller, String url, int count) throws Exception {
        List<Future<Caller.Ending>> calls = new ArrayList<>();
        for (int left = count; left > 0; left--) calls.add(threads.submit(() -> caller.call(url)));
        List<Caller.Ending> endings = new ArrayList<>();
        for (var call : calls) endings.add(call.get());
        int refusedCount = Collections.frequency(endings, Caller.Ending.REFUSED);
        int timedOutCount = Collections.frequency(endings, Caller.Ending.TIMED_OUT);
        return url + " " + refusedCount + " " + timedOutCount;
    }

    private static void leave(Exception failure) {
        failure.printStackTrace();
        System.exit(1);
    }
}
