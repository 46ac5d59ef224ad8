package org.iommu4j.upgrade.record;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.Agreement;
import org.iommu4j.core.service.Offer;

/** Makes lines of records, of every kind and with every value that the format can say. */
final class LineGenerator {
    private static final String[] TEXTS = {
        "", "a", "two words", "\"quoted\" \\ back", "\u00fc\u4e2d\ud83d\ude00", "line\nfeed\ttab\u0000", "0x1f", "x-y"
    };

    private final SplittableRandom random;

    LineGenerator(SplittableRandom random) {
        this.random = random;
    }

    /** A line that is neither the first nor the last. */
    RecordLine line() {
        return switch (random.nextInt(17)) {
            case 0 -> unit();
            case 1 -> new RecordLine.UnitClosed(number());
            case 2 -> new RecordLine.Swapped(number(), text(), text());
            case 3 -> new RecordLine.Memory(number(), word() >>> 12, hex(RecordLine.MAX_MEMORY));
            case 4 -> new RecordLine.PagesTaken(number(), 1 + random.nextInt(100), word() >>> 12);
            case 5 -> new RecordLine.PagesGiven(number(), 1 + random.nextInt(100), word() >>> 12);
            case 6 -> access();
            case 7 ->
                new RecordLine.RegisterWrite(number(), random.nextInt(1 << 16), random.nextBoolean() ? 4 : 8, word());
            case 8 -> new RecordLine.ChipCall(number(), random.nextInt(), list(NativeCall.WORDS, this::word));
            case 9 -> new RecordLine.Stepping(number(), random.nextBoolean());
            case 10 -> new RecordLine.Step(number(), random.nextInt(100));
            case 11 -> new RecordLine.Commands(number(), list(5, () -> hex(64)));
            case 12 -> new RecordLine.Caches(number(), one(RecordLine.Caches.What.values()), list(20, this::entry));
            case 13 -> opened();
            case 14 ->
                random.nextBoolean()
                        ? new RecordLine.Closed(number(), number(), answer())
                        : new RecordLine.Detached(number(), number(), random.nextInt(), answer());
            case 15 -> attached();
            default -> ioctl();
        };
    }

    private RecordLine unit() {
        Map<String, Map<String, Long>> fields = new HashMap<>();
        for (int i = random.nextInt(3); i > 0; i--) {
            fields.put("group" + i + text(), numbers());
        }
        Map<String, String> options = new HashMap<>();
        for (int i = random.nextInt(3); i > 0; i--) {
            options.put("option" + i + text(), text());
        }
        HardwareConfig hardware =
                new HardwareConfig(random.nextInt(), fields, numbers(), one(CacheConfig.values()), options);
        return new RecordLine.UnitOpened(
                number(),
                one(IommuModel.values()),
                text(),
                text(),
                hardware,
                32 + random.nextInt(21),
                list(3, () -> new PlatformConfig.Range(word() >>> 2, 1 + (word() >>> 2))),
                numbers());
    }

    private RecordLine access() {
        return new RecordLine.Access(
                number(),
                random.nextInt(),
                random.nextInt(-1, 1 << 20),
                word(),
                random.nextInt(1 << 16),
                random.nextInt(8),
                random.nextBoolean(),
                random.nextBoolean(),
                one(DmaAccess.AddressType.values()),
                one(DmaAccess.Outcome.values()),
                word(),
                random.nextInt(8),
                random.nextBoolean(),
                random.nextInt());
    }

    private RecordLine opened() {
        int one = random.nextInt();
        int other = random.nextInt();
        boolean ordered = Integer.compareUnsigned(one, other) <= 0;
        Offer offer = new Offer(
                one(IommuModel.values()),
                ordered ? one : other,
                ordered ? other : one,
                Set.copyOf(list(3, this::text)));
        boolean agreed = random.nextBoolean();
        return new RecordLine.Opened(
                number(),
                number(),
                one(Abi.values()),
                offer,
                agreed ? one(Agreement.Kind.values()) : null,
                agreed ? random.nextInt() : 0,
                agreed ? random.nextInt() : 0,
                answer());
    }

    private RecordLine attached() {
        boolean blocked = random.nextBoolean();
        return new RecordLine.Attached(
                number(),
                number(),
                random.nextInt(),
                blocked ? -1 : word() >>> 1,
                blocked ? 0 : random.nextInt(),
                answer());
    }

    private RecordLine ioctl() {
        int of = 1 + random.nextInt(4);
        String hex = random.nextInt(8) == 0 ? null : hex(200);
        int readable = hex == null ? random.nextInt() : hex.length() / 2;
        Abi image = random.nextBoolean() ? null : one(Abi.values());
        return new RecordLine.Ioctl(number(), number(), image, word(), hex, readable, random.nextInt(of), of, answer());
    }

    private Answer answer() {
        Errno errno = one(Errno.values());
        boolean done = errno == Errno.OK;
        return new Answer(
                errno,
                done ? random.nextInt(2) : 0,
                done ? one(Fidelity.values()) : Fidelity.EXACT,
                text(),
                text(),
                random.nextInt(-1, 100),
                word(),
                text(),
                random.nextBoolean());
    }

    private CacheEntry entry() {
        return new CacheEntry(
                one(new String[] {"iotlb", "device-tlb", "a cache", ""}),
                word(),
                random.nextInt(-1, 1 << 20),
                word(),
                word(),
                word());
    }

    private Map<String, Long> numbers() {
        Map<String, Long> numbers = new HashMap<>();
        for (int i = random.nextInt(4); i > 0; i--) {
            numbers.put("name" + i + text(), word());
        }
        return numbers;
    }

    private int number() {
        return random.nextInt(1 << random.nextInt(1, 21));
    }

    private long word() {
        return random.nextLong() >>> random.nextInt(Long.SIZE);
    }

    private String hex(int mostBytes) {
        byte[] bytes = new byte[random.nextInt(mostBytes + 1)];
        random.nextBytes(bytes);
        return HexFormat.of().formatHex(bytes);
    }

    private String text() {
        return one(TEXTS);
    }

    private <T> T one(T[] all) {
        return all[random.nextInt(all.length)];
    }

    private <T> List<T> list(int most, Supplier<T> make) {
        List<T> list = new ArrayList<>();
        for (int i = random.nextInt(most + 1); i > 0; i--) {
            list.add(make.get());
        }
        return list;
    }
}
