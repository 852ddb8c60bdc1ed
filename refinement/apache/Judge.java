import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Scanner;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

/**
 * Reads messages with the classes of stock Kafka, and writes them again: the bytes must be the same.
 *
 * Each line of standard input is a message's name, its version and its bytes in hexadecimal digits. `java -cp 'JARS/*' Judge.java`
 * ends with the number of messages; the status is 1 if any was read or written otherwise.
 */
public class Judge {
    public static void main(String[] args) throws Exception {
        int judged = 0;
        int wrong = 0;
        Scanner lines = new Scanner(System.in);
        while (lines.hasNextLine()) {
            String[] words = lines.nextLine().split(" ", -1);
            short version = Short.parseShort(words[1]);
            byte[] bytes = HexFormat.of().parseHex(words[2]);
            judged++;
            try {
                Message message = named(words[0]);
                ByteBuffer in = ByteBuffer.wrap(bytes);
                message.read(new ByteBufferAccessor(in), version);
                ObjectSerializationCache cache = new ObjectSerializationCache();
                ByteBuffer out = ByteBuffer.allocate(message.size(cache, version));
                message.write(new ByteBufferAccessor(out), cache, version);
                if (in.hasRemaining() || !Arrays.equals(out.array(), bytes)) {
                    throw new IllegalStateException("stock Kafka writes " + HexFormat.of().formatHex(out.array()));
                }
            } catch (Exception e) {
                wrong++;
                System.out.println(String.join(" ", words) + ": " + e);
            }
        }
        System.out.println(judged + " judged");
        System.exit(wrong == 0 ? 0 : 1);
    }

    private static Message named(String name) throws Exception {
        for (String path : List.of("message." + name + "Data", "message." + name, "metadata." + name)) {
            try {
                return (Message) Class.forName("org.apache.kafka.common." + path).getDeclaredConstructor().newInstance();
            } catch (ClassNotFoundException e) {
                // It has one of the other names.
            }
        }
        throw new IllegalArgumentException("stock Kafka has no such message");
    }
}
