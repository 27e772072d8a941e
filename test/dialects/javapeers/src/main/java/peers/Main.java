package peers;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
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
            failure.printStackTrace();
            System.exit(1);
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

    private static void serve(Caller caller) throws Exception {
        var threads = Executors.newCachedThreadPool();
        var lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split(" ");
            List<Future<Caller.Ending>> calls = new ArrayList<>();
            for (int left = Integer.parseInt(words[1]); left > 0; left--) {
                calls.add(threads.submit(() -> caller.call(words[0])));
            }
            List<Caller.Ending> endings = new ArrayList<>();
            for (var call : calls) endings.add(call.get());
            System.out.println(
                Collections.frequency(endings, Caller.Ending.REFUSED)
                    + " "
                    + Collections.frequency(endings, Caller.Ending.TIMED_OUT)
            );
        }
    }
}
