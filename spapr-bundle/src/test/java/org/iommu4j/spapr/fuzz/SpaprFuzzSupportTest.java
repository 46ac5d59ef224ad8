package org.iommu4j.spapr.fuzz;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import org.iommu4j.backend.DevicePort;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.Platform;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.ReferenceWalker;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Uapi;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.iommu4j.spapr.Machine;
import org.iommu4j.spapr.SpaprBackend;
import org.iommu4j.testing.ForwardingPort;
import org.iommu4j.testing.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The platform against the reference walker, on what random software does. */
class SpaprFuzzSupportTest {
    private static final int LIOBN = 0x8000_0000;
    private static final int REQUESTER = 0x0100;

    private final SpaprFuzzSupport support = new SpaprFuzzSupport();

    /** A bare platform whose software a walker is told of. */
    private static final class Bare extends ForwardingPort {
        private int steps;
        private final ReferenceWalker walker;

        Bare(HardwareConfig config) {
            this(
                    config,
                    new SimulatedPlatform(
                            new PlatformConfig(52, List.of(), (address, data) -> {}, DevicePort.COMPLETING)));
        }

        private Bare(HardwareConfig config, Platform platform) {
            super(platform, new SpaprBackend().createHardware(config, platform));
            walker = new SpaprFuzzSupport().referenceWalker(config, this, false);
        }

        @Override
        public void writeRegister(long offset, int sizeBytes, long value) {
            steps++;
            super.writeRegister(offset, sizeBytes, value);
            walker.wrote(offset, sizeBytes, value);
        }

        @Override
        public void call(NativeCall call) {
            long[] arguments = new long[NativeCall.WORDS];
            for (int i = 0; i < arguments.length; i++) {
                arguments[i] = call.word(i);
            }
            steps += new SpaprFuzzSupport().isCallFree(call.function()) ? 0 : 1;
            super.call(call);
            walker.called(call, arguments);
        }
    }

    private static boolean agree(Bare bare, int requester, long iova, int rights) {
        DmaAccess wanted = new DmaAccess().begin(requester, iova, rights);
        DmaAccess access = new DmaAccess().begin(requester, iova, rights);
        if (!bare.walker.translate(wanted)) {
            return false;
        }
        bare.chip().translate(access);
        assertEquals(wanted.outcome(), access.outcome());
        assertEquals(wanted.spa(), access.spa());
        assertEquals(wanted.faultCode(), access.faultCode());
        return access.outcome() == DmaAccess.Outcome.TRANSLATED;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5})
    void shouldTranslateAsTheWalkerSaysWhateverSoftwareStores(int subVersion) {
        int[] translated = new int[1];
        Property.check(60, random -> {
            HardwareConfig config = support.config(subVersion, random);
            Bare bare = new Bare(config);
            FuzzScene scene = support.bringUp(config, bare, random);
            NativeCall call = new NativeCall();
            for (int i = 0; i < 40; i++) {
                int slot = random.nextInt(scene.addresses().size());
                long iova = scene.addresses().get(slot).base();
                if (random.nextInt(3) == 0) {
                    call.begin(0x20)
                            .word(0, iova < 1L << 40 ? 0x8000_0000L : 0x8000_0001L)
                            .word(1, iova)
                            .word(2, ((long) random.nextInt(1 << 12) << 16) | random.nextInt(4));
                    bare.call(call);
                }
                int requester =
                        scene.requesters().get(random.nextInt(scene.requesters().size()));
                long at = iova + random.nextInt(4096) + (random.nextInt(8) == 0 ? 1L << random.nextInt(62) : 0);
                translated[0] += agree(bare, requester, at, 1 + random.nextInt(3)) ? 1 : 0;
            }
            assertTrue(support.settle(scene, bare));
            bare.chip().visitCache((cache, tag, pasid, iova, length, pa) -> {
                throw new AssertionError("cached after all was dropped");
            });
        });
        assertTrue(translated[0] > 100, () -> "only " + translated[0] + " were translated");
    }

    @Test
    void shouldSayNothingOnceItCannotKnow() {
        Bare bare = new Bare(HardwareConfig.of(4));
        support.bringUp(HardwareConfig.of(4), bare, new SplittableRandom(1));
        bare.writeRegister(0x210, 8, 1L << 63);
        assertTrue(bare.walker.translate(new DmaAccess().begin(0x8000_0000, 0, DmaAccess.READ)));
        bare.writeRegister(0x168, 8, 1L << 63);
        assertFalse(bare.walker.translate(new DmaAccess().begin(0x8000_0000, 0, DmaAccess.READ)));
    }

    @Test
    void shouldKeepEveryAddressBitOfAnEntry() {
        Bare bare = new Bare(HardwareConfig.of(1));
        FuzzScene scene = support.bringUp(HardwareConfig.of(1), bare, new SplittableRandom(1));
        bare.platform().memory().writeLongBe(scene.tables().get(0).pa() + 15 * 8, 0xffff_ffff_ffff_f001L);

        assertTrue(agree(bare, LIOBN, 0xf000, DmaAccess.READ));
    }

    @ParameterizedTest
    @CsvSource({"1, 4", "2, 4", "3, 3", "4, 3", "5, 3"})
    void shouldSettleInAFewSteps(int subVersion, int steps) {
        HardwareConfig config = HardwareConfig.of(subVersion);
        Bare bare = new Bare(config);
        FuzzScene scene = support.bringUp(config, bare, new SplittableRandom(2));
        long iova = scene.addresses().get(0).base();
        long entry = scene.tables().get(iova >>> 59 == 0 ? 0 : 1).pa();
        bare.platform()
                .memory()
                .writeLongBe(entry + (iova & ~(1L << 59)) / (iova >>> 59 == 0 ? 512 : 8192), 0x7000_0003L);
        assertTrue(agree(bare, REQUESTER, iova, DmaAccess.READ));
        bare.steps = 0;

        assertTrue(support.settle(scene, bare));

        assertEquals(steps, bare.steps);
        bare.chip().visitCache((cache, tag, pasid, at, length, pa) -> {
            throw new AssertionError("cached after all was dropped");
        });
        assertTrue(agree(bare, REQUESTER, iova, DmaAccess.READ), "and it still translates");
    }

    /** A window with a table of the hypervisor's own keeps it, and what is in it. */
    @Test
    void shouldSettleTheDefaultWindowWithoutGivingItsTableBack() {
        Bare bare = new Bare(HardwareConfig.of(1));
        NativeCall call = new NativeCall();
        bare.call(call.begin(0x20).word(0, 0x8000_0000L).word(1, 0x3000).word(2, 0x9003));
        assertEquals(0, call.result());
        byte[] before = bare.chip().save().bytes();

        assertTrue(support.settle(FuzzScene.EMPTY, bare));

        assertArrayEquals(before, bare.chip().save().bytes());
        DmaAccess access = new DmaAccess().begin(LIOBN, 0x3000, DmaAccess.READ);
        bare.chip().translate(access);
        assertEquals(0x9000, access.spa());
    }

    /** Whether an EIO of a driver is the guest's: by what was asked for, and by the entry of page 5 of its table. */
    @ParameterizedTest
    @CsvSource({
        "1, 0x20003, 0x5000, -1, false",
        "1, 0x20103, 0x5000, -1, true",
        "1, 0x20100, 0x5000, -1, false",
        "1, 0xfffffffffffff001, 0x5000, -1, true",
        "1, 0x20103, 0x6000, -1, false",
        "1, 0x20103, -1, -1, true",
        "2, 0x20103, 0x4000, -1, false",
        "2, 0x20103, 0x5000, 1, false",
        "2, 0x20103, 0x5000, 2, true",
        "3, 0x20103, 0x5000, -1, false",
        "5, 0xfffffffffffff001, -1, -1, false",
    })
    void shouldExcuseOnlyWhatThePlatformCannotStoreAgain(
            int subVersion, String entry, String vaddr, int op, boolean excused) {
        HardwareConfig config = HardwareConfig.of(subVersion);
        Bare bare = new Bare(config);
        FuzzScene scene = support.bringUp(config, bare, new SplittableRandom(3));
        long table = scene.tables().get(0).pa();
        for (int page = 0; page < 512; page++) {
            bare.platform().memory().writeLongBe(table + page * 8L, 0);
        }
        bare.platform().memory().writeLongBe(table + 5 * 8, Long.parseUnsignedLong(entry.substring(2), 16));
        byte[] payload = op < 0 ? new byte[0] : Machine.payload(0xffff_ffffL, op, 0, 0xffff_ffffL, 0);
        boolean range = vaddr.startsWith("0x");
        InvalidateRequest request = new InvalidateRequest()
                .set(
                        range ? Uapi.SCOPE_VADDR : 0,
                        0,
                        0,
                        range ? Long.decode(vaddr) : 0,
                        range ? 0x1000 : 0,
                        subVersion,
                        payload,
                        0,
                        payload.length);

        assertEquals(excused, support.isGuestsFault(config, bare, request));
        assertFalse(support.isGuestsFault(config, bare, null), "nothing but an invalidation stores entries again");
    }

    /** The driver against the reference walker: any requests in any order. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5})
    void shouldTranslateBehindADriverAsTheWalkerSays(int subVersion) {
        int[] reached = new int[3];
        Property.check(150, random -> {
            HardwareConfig config = support.config(subVersion, random);
            Machine machine = Machine.of(config);
            FuzzScene scene = support.prepare(config, machine, random);
            ReferenceWalker walker = support.referenceWalker(config, machine, true);
            machine.open(0);
            for (int i = 0; i < 60; i++) {
                request(machine, walker, scene, random);
                int requester =
                        scene.requesters().get(random.nextInt(scene.requesters().size()));
                long iova = scene.addresses()
                                .get(random.nextInt(scene.addresses().size()))
                                .base()
                        + (random.nextInt(8) == 0 ? 1L << random.nextInt(62) : 0);
                DmaAccess wanted = new DmaAccess().begin(requester, iova, 1 + random.nextInt(3));
                DmaAccess access = new DmaAccess().begin(requester, iova, wanted.rights());
                boolean known = walker.translate(wanted);
                machine.chip().translate(access);
                if (known) {
                    assertEquals(wanted.outcome(), access.outcome());
                    assertEquals(wanted.spa(), access.spa());
                    assertEquals(wanted.faultCode(), access.faultCode());
                    reached[
                            access.outcome() == DmaAccess.Outcome.TRANSLATED
                                    ? 0
                                    : access.outcome() == DmaAccess.Outcome.FAULT ? 1 : 2]++;
                }
                walker.accessed(requester, access.outcome() == DmaAccess.Outcome.FAULT);
            }
        });
        assertTrue(Arrays.stream(reached).allMatch(count -> count > 50), () -> Arrays.toString(reached));
    }

    private static void request(Machine machine, ReferenceWalker walker, FuzzScene scene, RandomGenerator random) {
        int requester = scene.requesters().get(random.nextInt(scene.requesters().size()));
        FuzzScene.Root root = scene.roots().get(0);
        switch (random.nextInt(8)) {
            case 0 -> {
                long table = random.nextBoolean() ? -1 : root.table();
                if (machine.attach(0, requester, table, root.levels()) == Errno.OK) {
                    walker.attached(requester, table, root.levels());
                }
            }
            case 1 -> {
                if (machine.detach(0, requester) == Errno.OK) {
                    walker.detached(requester);
                }
            }
            case 2, 3 -> {
                FuzzScene.Bind bind =
                        scene.binds().get(random.nextInt(scene.binds().size()));
                int flags = random.nextInt(3) == 0 ? Uapi.BIND_FLAG_UNBIND : 0;
                if (machine.bind(0, flags, bind.payload()) == Errno.OK) {
                    byte[] payload = bind.payload();
                    walker.bound(new BindRequest().set(bind.operation(), 1, flags, payload, 0, payload.length));
                }
            }
            default -> {
                // Another access.
            }
        }
    }
}
