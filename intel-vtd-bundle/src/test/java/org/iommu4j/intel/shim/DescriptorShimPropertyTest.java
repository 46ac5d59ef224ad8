package org.iommu4j.intel.shim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.Shim;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.iommu4j.intel.Machine;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.intel.command.RegisterImage;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.testing.Property;
import org.iommu4j.testing.ShimLaws;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The law behind shims of descriptors: a guest's request, a shim and a chip of another generation leave the same translations cached as
 * the request on a chip of the guest's own, and refuse the same requests with the same rule; where the host's generation has no PASIDs,
 * what names one is refused.
 */
class DescriptorShimPropertyTest {
    private static final int PAGES = 16;
    private static final int DEVICE = 0x310;
    private static final int STRANGER = 0x318;
    private static final int PASID = 0x45;
    private static final long TABLE = 0x100_0000;
    private static final long FIRST_STAGE_TABLE = 0x200_0000;
    private static final int FIRST_STAGE = (int) BindPgtable.FLAG_FIRST_STAGE.mask();

    static List<Shim> shims() {
        return DescriptorShim.all();
    }

    static boolean isLegacy(int subVersion) {
        return subVersion <= VtdGeneration.LEGACY_QI;
    }

    /** A chip with a device of the guest, with a PASID where both generations have them, and one of another container. */
    private static Machine machine(int subVersion, boolean pasids) {
        Machine machine =
                Machine.of(new HardwareConfig(subVersion, Map.of(), Map.of(), CacheConfig.WORST_CASE, Map.of()));
        long pool = TABLE + 0x1000;
        long firstStagePool = FIRST_STAGE_TABLE + 0x1000;
        for (int page = 0; page < PAGES; page++) {
            long iova = (long) page << 12;
            pool = machine.map(TABLE, subVersion == VtdGeneration.LEGACY_REG ? 3 : 4, iova, iova << 8, pool);
            firstStagePool = machine.map(FIRST_STAGE_TABLE, 4, iova, iova << 9, firstStagePool, 7);
        }
        for (int domain = 0; domain < 2; domain++) {
            int device = domain == 0 ? DEVICE : STRANGER;
            machine.open(domain);
            machine.attach(domain, device);
            assertEquals(Errno.OK, machine.bind(domain, device, TABLE, 0), machine.last()::toString);
            if (pasids) {
                assertEquals(
                        Errno.OK,
                        machine.bindPasid(domain, device, PASID, FIRST_STAGE_TABLE, FIRST_STAGE),
                        machine.last()::toString);
            }
        }
        return machine;
    }

    /** A guest's device and a stranger's, whose pages are cached and looked at. */
    static final class Scene implements ShimLaws.Scene {
        private static final int[] DEVICES = {DEVICE, STRANGER};

        /** Numbers of the entries of IOTLBs. */
        private static final Map<Entry, Integer> NUMBERS = new ConcurrentHashMap<>();

        private record Entry(long tag, long iova, long length, long pa) {}

        private final Machine machine;
        private final boolean pasids;
        private final DmaAccess access = new DmaAccess();

        Scene(int subVersion, boolean pasids) {
            this.pasids = pasids;
            machine = machine(subVersion, pasids);
            machine.translator().tap(null);
        }

        @Override
        public void fill() {
            for (int device : DEVICES) {
                for (int page = 0; page < PAGES; page++) {
                    read(device, -1, page);
                    if (pasids) {
                        read(device, PASID, page);
                    }
                }
            }
        }

        private void read(int device, int pasid, int page) {
            machine.chip()
                    .translate(access.begin(device, (long) page << 12, DmaAccess.READ)
                            .withPasid(pasid));
        }

        @Override
        public void carryOut(InvalidateRequest request, Completion completion) {
            if (machine.translator().invalidate(0, request, completion) == 0) {
                machine.translator().finish(completion);
            }
        }

        @Override
        public BitSet left() {
            BitSet left = new BitSet();
            machine.chip().visitCache((cache, tag, pasid, iova, length, pa) -> {
                if (cache.equals("iotlb")) {
                    left.set(NUMBERS.computeIfAbsent(new Entry(tag, iova, length, pa), entry -> NUMBERS.size()));
                }
            });
            return left;
        }
    }

    /** As {@link #request}, and of the generation without a queue an image of its registers. */
    static InvalidateRequest requestOfAny(int subVersion, SplittableRandom random) {
        if (subVersion != VtdGeneration.LEGACY_REG) {
            return request(subVersion, random);
        }
        boolean range = random.nextBoolean();
        int order = random.nextInt(3);
        boolean leaf = range && random.nextBoolean();
        long address = range ? (long) (random.nextInt(PAGES) >> order) << (12 + order) : 0;
        long low = RegisterImage.IIRG.of(range ? 3 : 2) | (random.nextBoolean() ? RegisterImage.IVT.mask() : 0);
        long high = range ? RegisterImage.AM.of(order) | RegisterImage.ADDR.of(address) : 0;
        if (leaf) {
            high |= RegisterImage.IH.mask();
        }
        if (random.nextInt(6) == 0) {
            low ^= 1L << random.nextInt(64);
        } else if (random.nextInt(8) == 0) {
            high ^= 1L << random.nextInt(20);
        }
        byte[] payload = random.nextInt(10) == 0 ? new byte[0] : RegisterImage.LAYOUT.encode(low, high);
        return new InvalidateRequest()
                .set(
                        range ? Uapi.SCOPE_VADDR : 0,
                        Uapi.FLAGS_NO_PASID | (leaf ? Uapi.FLAGS_VADDR_LEAF : 0),
                        0,
                        address,
                        range ? 4096L << order : 0,
                        subVersion,
                        payload,
                        0,
                        payload.length);
    }

    /** A request that is right more often than not: a descriptor of some type, and the generic part that says the same. */
    static InvalidateRequest request(int subVersion, SplittableRandom random) {
        boolean range = random.nextBoolean();
        int order = random.nextInt(3);
        long address = (long) random.nextInt(PAGES) << 12 & -1L << (order + 12);
        boolean leaf = range && random.nextBoolean();
        int[] types = {2, 3, 6, 7, 8, random.nextInt(16)};
        int type = types[random.nextInt(types.length)];
        boolean pasid = type >= 6 && type <= 8 && random.nextInt(8) != 0;
        long low = type | (pasid ? (long) PASID << 32 : 0);
        long high = 0;
        switch (type) {
            case 2, 6 -> {
                low |= range ? 3 << 4 : 2 << 4;
                high = range ? address | order | (leaf ? 1 << 6 : 0) : 0;
            }
            case 3 -> {
                low |= (long) DEVICE << 32;
                high = sizeInAddress(range, address, order, 1);
                leaf = false;
            }
            case 7 -> {
                low |= pasid ? 1 << 4 : 0;
                range = false;
                leaf = false;
            }
            default -> {
                low |= (long) DEVICE << 16;
                high = sizeInAddress(range, address, order, 1 << 11) | (pasid ? 0 : 1);
                leaf = false;
            }
        }
        if (random.nextInt(6) == 0) {
            low ^= 1L << random.nextInt(64);
        }
        if (random.nextInt(10) == 0) {
            high ^= 1L << random.nextInt(20);
        }
        byte[] payload = random.nextInt(10) == 0
                ? new byte[0]
                : ByteBuffer.allocate(16)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(low)
                        .putLong(high)
                        .array();
        InvalidateRequest request = new InvalidateRequest();
        boolean noPasid = !pasid && type != 7 && type != 8;
        request.set(
                (pasid ? Uapi.SCOPE_PASID : 0) | (range ? Uapi.SCOPE_VADDR : 0),
                (noPasid ? Uapi.FLAGS_NO_PASID : 0) | (leaf ? Uapi.FLAGS_VADDR_LEAF : 0),
                pasid ? PASID : 0,
                range ? address : 0,
                range ? 4096L << order : 0,
                subVersion,
                payload,
                0,
                payload.length);
        return request;
    }

    private static long sizeInAddress(boolean range, long address, int order, long s) {
        if (!range) {
            return 0x7fff_ffff_ffff_f000L | s;
        }
        return order == 0 ? address : address | (1L << (order + 11)) - 4096 | s;
    }

    @ParameterizedTest
    @MethodSource("shims")
    void shouldDropAndRefuseWhatTheGuestsOwnGenerationDoes(Shim shim) {
        boolean pasids = !isLegacy(shim.from()) && !isLegacy(shim.to());
        Scene own = new Scene(shim.from(), pasids);
        Scene other = new Scene(shim.to(), pasids);
        Property.check(60, random -> {
            long seed = random.nextLong();
            InvalidateRequest request = request(shim.from(), new SplittableRandom(seed));
            Completion expected = new Completion();
            BitSet expectedLeft = own.leftAfter(request, expected);
            InvalidateRequest shimmed = request(shim.from(), new SplittableRandom(seed));
            Completion completion = new Completion();
            if (shim.rewrite(shimmed, completion) == 0) {
                assertEquals(shim.to(), shimmed.subVersion());
                BitSet left = other.leftAfter(shimmed, completion);
                if (completion.errno() == Errno.OK && expected.errno() == Errno.OK) {
                    assertEquals(expectedLeft, left);
                    assertEquals(expected.fidelity(), completion.fidelity());
                }
            }
            boolean namesPasid = isLegacy(shim.to())
                    && (request.selectsPasid() || (completion.rule() == Rule.V24 && expected.rule() != Rule.V24));
            if (namesPasid) {
                assertTrue(completion.errno() != Errno.OK, completion::toString);
                return;
            }
            assertEquals(expected.errno(), completion.errno(), () -> expected + " but " + completion);
            assertEquals(expected.rule(), completion.rule(), () -> expected + " but " + completion);
        });
    }

    private static Completion bind(Shim shim, int operation, int flags) {
        byte[] payload = operation == Uapi.BIND_PASID
                ? Machine.pasidPayload(DEVICE, TABLE, 48, 1, PASID)
                : Machine.payload(DEVICE, TABLE, 48, 1);
        BindRequest request = new BindRequest();
        request.set(operation, shim.from(), flags, payload, 0, payload.length);
        Completion completion = new Completion().begin();
        int code = shim.rewrite(request, completion);
        assertEquals(code == 0 ? shim.to() : shim.from(), request.subVersion());
        return completion;
    }

    @ParameterizedTest
    @MethodSource("shims")
    void shouldCarryBindsOverThatTheHostsModeHasAndRefuseTheOthers(Shim shim) {
        // S11: legacy mode has neither PASIDs nor a first stage.
        assertEquals(Errno.OK, bind(shim, Uapi.BIND_PGTABLE, BindPgtable.FLAGS).errno());
        Rule refused = isLegacy(shim.to()) ? Rule.V34 : null;
        Completion firstStage = bind(shim, Uapi.BIND_PGTABLE, FIRST_STAGE);
        assertEquals(refused, firstStage.rule());
        Completion pasid = bind(shim, Uapi.BIND_PASID, 0);
        assertEquals(refused, pasid.rule());
        if (refused != null) {
            assertEquals("flags", firstStage.field());
            assertEquals("pasid", pasid.field());
            assertEquals(PASID, pasid.value());
        }
    }

    @ParameterizedTest
    @MethodSource("shims")
    void shouldSpeakOfPasidsOnlyWhereTheClientHasThem(Shim shim) {
        boolean speaks = shim.conversions().stream()
                .anyMatch(conversion -> conversion.operation().equals("types 6, 7 and 8"));
        assertEquals(!isLegacy(shim.from()), speaks);
    }

    @Test
    void shouldRefuseTypesBeyondFourBitsBeforeTheyExist() {
        InvalidateRequest request = new InvalidateRequest();
        byte[] payload = ByteBuffer.allocate(16)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(0x0000_0000_0000_0222L)
                .putLong(0)
                .array();
        for (Shim shim : shims()) {
            request.set(0, Uapi.FLAGS_NO_PASID, 0, 0, 0, shim.from(), payload, 0, payload.length);
            Completion completion = new Completion();
            assertEquals(Errno.EINVAL.code(), shim.rewrite(request, completion), shim.name());
            assertEquals(Rule.V34, completion.rule());
        }
    }
}
