package peers;

import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.IntConsumer;

/** `key=value` words, by the names that the dialects read. A key that nobody asks for is an error. */
final class Settings {
    private final Map<String, String> unread = new HashMap<>();

    Settings(Iterable<String> words) {
        for (String word : words) {
            int at = word.indexOf('=');
            unread.put(word.substring(0, at), word.substring(at + 1));
        }
    }

    String text(String key, String byDefault) {
        String value = unread.remove(key);
        return value == null ? byDefault : value;
    }

    void ifText(String key, Consumer<String> use) {
        String value = unread.remove(key);
        if (value != null) use.accept(value);
    }

    void ifNumber(String key, IntConsumer use) {
        ifText(key, value -> use.accept(Integer.parseInt(value)));
    }

    void mustBeRead() {
        if (!unread.isEmpty()) throw new IllegalArgumentException("Nothing reads the settings " + unread);
    }
}
