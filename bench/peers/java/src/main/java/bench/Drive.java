package bench;

import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;

/** Drives one of Java's clients as ../../../../../README.md says every driver does. */
public final class Drive {
    /** What a lane is told instead of the time of its next call. */
    static final long OVER = Long.MIN_VALUE;

    /** What one lane saw; its calls are made one after the other. */
    private static final class Lane {
        long[] nanos = new long[4096];
        int count;
        int errorCount;

        void add(long value) {
            if (count == nanos.length) nanos = Arrays.copyOf(nanos, count * 2);
            nanos[count++] = value;
        }
    }

    public static void main(String[] args) throws Exception {
        Map<String, String> options = new HashMap<>();
        for (int index = 0; index + 1 < args.length; index += 2) options.put(args[index].substring(2), args[index + 1]);
        String url = options.get("url");
        int connectionCount = Integer.parseInt(options.getOrDefault("connections", "1"));
        int callerCount = Integer.parseInt(options.getOrDefault("callers", String.valueOf(connectionCount)));
        Client client = Clients.make(options.get("client"), url, connectionCount);
        switch (options.getOrDefault("task", "load")) {
            case "first" -> {
                client.call();
                System.out.println("{\"requestCount\":1}");
            }
            case "idle" -> idle(client, connectionCount);
            default -> load(
                client,
                callerCount,
                Double.parseDouble(options.getOrDefault("rate", "0")),
                Double.parseDouble(options.getOrDefault("warmup", "0")),
                Double.parseDouble(options.getOrDefault("seconds", "0"))
            );
        }
        System.exit(0);
    }

    private static double cpuSeconds() {
        var system = (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        return system.getProcessCpuTime() / 1e9;
    }

    private static long residentBytes() throws Exception {
        for (int time = 0; time < 3; time++) System.gc();
        return Long.parseLong(Files.readString(Path.of("/proc/self/statm")).split(" ")[1]) * 4096;
    }

    private static void idle(Client client, int connectionCount) throws Exception {
        client.call();
        long before = residentBytes();
        var all = new CountDownLatch(connectionCount);
        for (int index = 0; index < connectionCount; index++) {
            var isBegun = new AtomicBoolean();
            client.lane(
                () -> isBegun.getAndSet(true) ? OVER : System.nanoTime(),
                (since, isAnswered) -> {
                    if (!isAnswered) throw new IllegalStateException("a call failed");
                },
                all::countDown
            );
        }
        all.await();
        System.out.println("{\"residentBytes\":" + (residentBytes() - before) + "}");
    }

    private static void load(Client client, int callerCount, double rate, double warmup, double seconds)
        throws Exception {
        long start = System.nanoTime();
        long begin = start + (long) (warmup * 1e9);
        long end = begin + (long) (seconds * 1e9);
        var perTenth = new AtomicLongArray((int) (seconds * 10) + 1);
        var sequence = new AtomicLong();
        var cpuAtBegin = new double[1];
        var clock = new Thread(() -> {
            LockSupport.parkNanos(begin - System.nanoTime());
            cpuAtBegin[0] = cpuSeconds();
        });
        clock.setDaemon(true);
        clock.start();
        List<Lane> lanes = new ArrayList<>();
        var all = new CountDownLatch(callerCount);
        for (int index = 0; index < callerCount; index++) {
            var lane = new Lane();
            lanes.add(lane);
            client.lane(
                () -> {
                    long now = System.nanoTime();
                    long from = rate > 0 ? start + (long) (sequence.getAndIncrement() / rate * 1e9) : now;
                    return from < end ? from : OVER;
                },
                (from, isAnswered) -> {
                    long now = System.nanoTime();
                    if (now < begin || now >= end) return;
                    if (isAnswered) {
                        lane.add(now - from);
                        perTenth.incrementAndGet((int) ((now - begin) / 100_000_000));
                    } else lane.errorCount++;
                },
                all::countDown
            );
        }
        all.await();
        double cpu = cpuSeconds() - cpuAtBegin[0];
        int count = lanes.stream().mapToInt(lane -> lane.count).sum();
        int errorCount = lanes.stream().mapToInt(lane -> lane.errorCount).sum();
        long[] nanos = new long[count];
        int at = 0;
        for (Lane lane : lanes) {
            System.arraycopy(lane.nanos, 0, nanos, at, lane.count);
            at += lane.count;
        }
        Arrays.sort(nanos);
        String tenths = java.util.stream.IntStream.range(0, perTenth.length() - 1)
            .mapToObj(index -> String.valueOf(perTenth.get(index)))
            .collect(Collectors.joining(","));
        System.out.printf(
            java.util.Locale.ROOT,
            "{\"requestCount\":%d,\"seconds\":%f,\"cpuSeconds\":%f,\"errorCount\":%d,\"p50Micros\":%d,\"p99Micros\":%d,\"p999Micros\":%d,\"perTenth\":[%s]}%n",
            count, seconds, cpu, errorCount, micros(nanos, 0.5), micros(nanos, 0.99), micros(nanos, 0.999), tenths
        );
    }

    private static long micros(long[] sorted, double share) {
        return sorted.length == 0 ? 0 : sorted[Math.min(sorted.length - 1, (int) (sorted.length * share))] / 1000;
    }
}
