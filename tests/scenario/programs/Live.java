import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;

/** Serves made-up requests. "leak": a listener is registered for each and never removed. */
public class Live {
    private static final int BOUND = 2000;
    private static final int WAVE_S = 288;

    private static final Map<Long, byte[]> listeners = new HashMap<>();
    private static final ArrayDeque<byte[]> recent = new ArrayDeque<>();

    private static int serve(Random random, long number, boolean leak) {
        int sum = 0;
        for (int i = 0; i < 20; i++) {
            byte[] scratch = new byte[500 + random.nextInt(4000)];
            sum += scratch.length;
        }
        recent.addLast(new byte[1000 + random.nextInt(1000)]);
        if (recent.size() > BOUND) {
            recent.removeFirst();
        }
        if (leak) {
            listeners.put(number, new byte[600 + random.nextInt(600)]);
        }
        return sum;
    }

    public static void main(String[] args) throws InterruptedException {
        boolean leak = args[0].equals("leak");
        long until = System.nanoTime() + Long.parseLong(args[1]) * 1_000_000_000L;
        Random random = new Random(1);
        long number = 0;
        long sum = 0;
        System.out.println("ready");
        while (System.nanoTime() < until) {
            double phase = 2 * Math.PI * System.nanoTime() / 1e9 / WAVE_S;
            int count = (int) Math.round(6 + 2.5 * Math.sin(phase));
            for (int i = 0; i < count; i++) {
                sum += serve(random, number++, leak);
            }
            Thread.sleep(50);
        }
        System.out.println(sum);
    }
}
