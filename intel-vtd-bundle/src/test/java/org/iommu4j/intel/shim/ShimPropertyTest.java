package org.iommu4j.intel.shim;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.intel.Machine;
import org.iommu4j.testing.Property;
import org.junit.jupiter.api.Test;

/**
 * The law behind shims: old client, shim and new backend leave the same translations cached as old client and old backend,
 * and refuse the same requests with the same rule.
 */
class ShimPropertyTest {
    private static final int PAGES = 256;
    private static final long TABLE = 0x100_0000;

    /** The register-only chip and the queue chip with the same tables: 3 levels, 2 containers, every page cached. */
    private static Machine machine(int subVersion) {
        Map<String, Map<String, Long>> fields =
                subVersion == 0x100 ? Map.of() : Map.of("cap", Map.of("SAGAW", 2L, "MGAW", 38L, "MAMV", 9L));
        Machine machine =
                Machine.of(new HardwareConfig(subVersion, fields, Map.of(), CacheConfig.WORST_CASE, Map.of()));
        long pool = TABLE + 0x1000;
        for (int page = 0; page < PAGES; page++) {
            pool = machine.map(TABLE, 3, (long) page << 12, (long) page << 20, pool);
        }
        for (int domain = 0; domain < 2; domain++) {
            machine.open(domain);
            machine.attach(domain, 0x10 + domain, TABLE, 3);
        }
        return machine;
    }

    private static Set<String> cachedAfter(Machine machine, InvalidateRequest request, Completion completion) {
        for (int domain = 0; domain < 2; domain++) {
            for (int page = 0; page < PAGES; page++) {
                machine.read(0x10 + domain, (long) page << 12);
            }
        }
        if (machine.translator().invalidate(0, request, completion) == 0) {
            machine.translator().finish(completion);
        }
        Set<String> left = new TreeSet<>();
        machine.chip().visitCache((cache, tag, pasid, iova, length, pa) -> {
            if (cache.equals("iotlb")) {
                left.add(tag + " " + iova + " " + length);
            }
        });
        return left;
    }

    private static byte[] payload(
            int subVersion, SplittableRandom random, boolean range, long address, int order, boolean leaf) {
        long granularity = random.nextInt(10) == 0 ? random.nextInt(4) : range ? 3 : 2;
        long low =
                subVersion == 0x100 ? granularity << 60 | (random.nextBoolean() ? 1L << 63 : 0) : 2 | granularity << 4;
        if (random.nextInt(10) == 0) {
            low |= subVersion == 0x100 ? (long) random.nextInt(0x10000) << 32 : (long) random.nextInt(0x10000) << 16;
        }
        if (random.nextInt(8) == 0) {
            // DW and DR stand next to each other in both.
            low |= (long) random.nextInt(1, 4) << (subVersion == 0x100 ? 48 : 6);
        }
        if (random.nextInt(20) == 0) {
            low |= 1L << random.nextInt(64);
        }
        long high = range ? address | order | (leaf ? 0x40 : 0) : 0;
        if (random.nextInt(10) == 0) {
            high ^= 1L << random.nextInt(20);
        }
        return ByteBuffer.allocate(16)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(low)
                .putLong(high)
                .array();
    }

    private static void checkLaw(Shim shim) {
        Machine oldBackend = machine(shim.from());
        Machine newBackend = machine(shim.to());
        Property.check(150, random -> {
            boolean range = random.nextInt(4) != 0;
            int order = random.nextInt(6);
            long address = (long) random.nextInt(PAGES >> order) << (12 + order);
            boolean leaf = range && random.nextBoolean();
            int flags = Uapi.FLAGS_NO_PASID | (leaf ? Uapi.FLAGS_VADDR_LEAF : 0);
            long size = range ? 0x1000L << order : 0;
            byte[] payload =
                    random.nextInt(6) == 0 ? new byte[0] : payload(shim.from(), random, range, address, order, leaf);
            InvalidateRequest plain = new InvalidateRequest();
            plain.set(range ? 2 : 0, flags, 0, range ? address : 0, size, shim.from(), payload, 0, payload.length);
            InvalidateRequest shimmed = new InvalidateRequest();
            shimmed.set(range ? 2 : 0, flags, 0, range ? address : 0, size, shim.from(), payload, 0, payload.length);

            Completion without = new Completion();
            Set<String> left = cachedAfter(oldBackend, plain, without);
            Completion with = new Completion();
            int refused = shim.rewrite(shimmed, with);
            if (refused == 0) {
                assertEquals(shim.to(), shimmed.subVersion());
                assertEquals(left, cachedAfter(newBackend, shimmed, with));
            }
            boolean deviceTlb = payload.length > 0 && shim.from() == 0x110 && (payload[0] & 0xf) == 3;
            if (!deviceTlb) {
                assertEquals(without.errno() + " " + without.rule(), with.errno() + " " + with.rule());
                assertEquals(without.fidelity(), with.fidelity());
            }
        });
    }

    @Test
    void shouldLeaveTheSameCachedWhenAnImageBecomesADescriptor() {
        checkLaw(new RegisterImageToDescriptor());
    }

    @Test
    void shouldLeaveTheSameCachedWhenADescriptorBecomesAnImage() {
        checkLaw(new DescriptorToRegisterImage());
    }

    @Test
    void shouldRefuseDeviceTlbDescriptorsSinceRegistersCannotReachDevices() {
        InvalidateRequest request = new InvalidateRequest();
        byte[] payload = ByteBuffer.allocate(16)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(0x31000000003L)
                .putLong(0x1000)
                .array();
        request.set(2, 1, 0, 0x1000, 0x1000, 0x110, payload, 0, 16);
        Completion completion = new Completion();
        assertEquals(Errno.EOPNOTSUPP.code(), new DescriptorToRegisterImage().rewrite(request, completion));
        assertEquals(Rule.V34, completion.rule());
        assertEquals(0x110, request.subVersion(), "as before");
    }

    @Test
    void shouldBringBackTheSamePayloadWhenBothShimsFollowEachOther() {
        Property.check(300, random -> {
            byte[] payload = ByteBuffer.allocate(16)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(2 | random.nextLong(4) << 4)
                    .putLong(random.nextLong() & ~0xf80L)
                    .array();
            InvalidateRequest request = new InvalidateRequest();
            request.set(2, 1, 0, 0x1000, 0x1000, 0x110, payload, 0, 16);
            Completion completion = new Completion();
            assertEquals(0, new DescriptorToRegisterImage().rewrite(request, completion));
            assertEquals(0, new RegisterImageToDescriptor().rewrite(request, completion));
            byte[] back = java.util.Arrays.copyOfRange(
                    request.payload(), request.payloadOffset(), request.payloadOffset() + request.payloadLength());
            assertEquals(
                    java.util.HexFormat.of().formatHex(payload),
                    java.util.HexFormat.of().formatHex(back));
        });
    }
}
