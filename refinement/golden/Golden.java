import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.Scanner;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

/**
 * Turns messages from JSON to bytes and from bytes to JSON, with the classes of stock Kafka.
 *
 * Each line of standard input is a message's name, its version, and either its fields in JSON or its bytes in hexadecimal digits. For
 * each, a line of JSON and a line of digits is printed: `java -cp 'JARS/*' Golden.java`.
 */
public class Golden {
    public static void main(String[] args) throws Exception {
        ObjectMapper json = new ObjectMapper();
        Scanner lines = new Scanner(System.in);
        while (lines.hasNextLine()) {
            String line = lines.nextLine();
            try {
                turn(json, line.split(" ", 3));
            } catch (ReflectiveOperationException | RuntimeException e) {
                System.err.println(line + ": " + (e.getCause() == null ? e : e.getCause()));
                System.exit(1);
            }
        }
    }

    private static void turn(ObjectMapper json, String[] words) throws Exception {
        String name = "org.apache.kafka.common.message." + words[0] + "Data";
        short version = Short.parseShort(words[1]);
        Class<?> data = Class.forName(name);
        Class<?> converter = Class.forName(name + "JsonConverter");
        Message message;
        if (words[2].startsWith("{")) {
            message = (Message) converter.getMethod("read", JsonNode.class, short.class)
                .invoke(null, json.readTree(words[2]), version);
        } else {
            message = (Message) data.getDeclaredConstructor().newInstance();
            ByteBuffer in = ByteBuffer.wrap(HexFormat.of().parseHex(words[2]));
            message.read(new ByteBufferAccessor(in), version);
            if (in.hasRemaining()) {
                throw new IllegalStateException(words[0] + ": bytes are left");
            }
        }
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer out = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(out), cache, version);
        // Records come out as their length: the converter has no other way that says anything of them.
        JsonNode fields = (JsonNode) converter.getMethod("write", data, short.class, boolean.class)
            .invoke(null, message, version, false);
        System.out.println(json.writeValueAsString(fields));
        System.out.println(HexFormat.of().formatHex(out.array()));
    }
}
