package org.iommu4j.s390.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.FuzzSupport;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.ReferenceWalker;
import org.iommu4j.backend.ReferenceWalker.Verdict;
import org.iommu4j.contract.BindRequest;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.contract.Uapi;
import org.iommu4j.s390.Machine;
import org.iommu4j.s390.command.BindPgtable;
import org.iommu4j.testing.ForwardingPort;
import org.iommu4j.testing.Property;
import org.junit.jupiter.api.Test;

/** The fuzzer's second opinion and the chip agree on every access, whatever software does in between. */
class ReferenceWalkerPropertyTest {
    private final FuzzSupport fuzz = new ZpciFuzzSupport();

    /** A port that tells the walker of every call. */
    private static final class ToldPort extends ForwardingPort {
        private ReferenceWalker walker;

        ToldPort(Machine machine) {
            super(machine.platform(), machine.chip());
        }

        @Override
        public void call(NativeCall call) {
            long[] arguments = new long[NativeCall.WORDS];
            for (int word = 0; word < arguments.length; word++) {
                arguments[word] = call.word(word);
            }
            super.call(call);
            walker.called(call, arguments);
        }
    }

    @Test
    void shouldAgreeWithTheChip() {
        int[] compared = new int[2];
        Property.check(200, random -> {
            int generation = random.nextInt(1, 6);
            HardwareConfig config = fuzz.config(generation, random);
            Machine machine = Machine.of(config);
            ToldPort port = new ToldPort(machine);
            port.walker = fuzz.referenceWalker(config, port, false);
            FuzzScene scene = fuzz.bringUp(config, port, random);
            assertFalse(scene.tables().isEmpty());
            for (int i = 0; i < 60; i++) {
                switch (random.nextInt(6)) {
                    case 0 -> {
                        if (generation > 1) {
                            edit(random, scene, machine);
                        }
                    }
                    case 1 ->
                        port.call(new NativeCall()
                                .begin(0xB9D3)
                                .word(0, (long) handle(random, scene) << 32)
                                .word(1, address(random, scene))
                                .word(2, random.nextInt(0x40_0000)));
                    case 2 -> assertTrue(fuzz.settle(scene, port));
                    default -> compare(random, scene, machine, port.walker, compared);
                }
            }
        });
        assertTrue(compared[0] > 200 && compared[1] > 1000, compared[0] + " translated, " + compared[1] + " refused");
    }

    private static void edit(SplittableRandom random, FuzzScene scene, Machine machine) {
        FuzzScene.Table table = scene.tables().get(random.nextInt(scene.tables().size()));
        long word = machine.memory().readLongBe(table.pa());
        machine.write(table.pa(), random.nextInt(3) == 0 ? random.nextLong() : word ^ 1L << random.nextInt(40));
    }

    private static int handle(SplittableRandom random, FuzzScene scene) {
        return scene.requesters().get(random.nextInt(scene.requesters().size()));
    }

    private static long address(SplittableRandom random, FuzzScene scene) {
        var range = scene.addresses().get(random.nextInt(scene.addresses().size()));
        return range.base() + random.nextInt(4) * 0x10_0000L + random.nextInt(0x9000);
    }

    private static void compare(
            SplittableRandom random, FuzzScene scene, Machine machine, ReferenceWalker walker, int[] compared) {
        int rights = random.nextInt(3) == 0 ? DmaAccess.WRITE : DmaAccess.READ;
        int handle = handle(random, scene);
        long iova = address(random, scene);
        DmaAccess expected = new DmaAccess().begin(handle, iova, rights);
        boolean knows = walker.translate(expected);
        DmaAccess got = machine.dma(handle, iova, rights);
        if (!knows) {
            walker.accessed(handle, got.outcome() == DmaAccess.Outcome.FAULT);
            return;
        }
        assertEquals(expected.outcome(), got.outcome());
        assertEquals(expected.spa(), got.spa());
        assertEquals(expected.faultCode(), got.faultCode());
        compared[got.outcome() == DmaAccess.Outcome.TRANSLATED ? 0 : 1]++;
    }

    @Test
    void shouldAgreeWithTheChipBehindADriver() {
        int[] compared = new int[2];
        int[] answers = new int[3];
        Property.check(200, random -> {
            HardwareConfig config = fuzz.config(random.nextInt(2, 6), random);
            Machine machine = Machine.of(config);
            FuzzScene scene = fuzz.prepare(config, machine, random);
            ReferenceWalker walker = fuzz.referenceWalker(config, machine, true);
            if (walker == null) {
                return;
            }
            machine.open(0);
            scene.requesters().forEach(requester -> machine.attach(0, requester));
            scene.binds().forEach(bind -> bind(machine, walker, bind));
            for (int i = 0; i < 60; i++) {
                switch (random.nextInt(6)) {
                    case 0 -> edit(random, scene, machine);
                    case 1 -> {
                        boolean range = random.nextInt(4) != 0;
                        long first = range ? address(random, scene) & -4096L : 0;
                        long size = range ? (1 + random.nextInt(4)) * 4096L : 0;
                        Errno errno = machine.invalidate(0, range ? Uapi.SCOPE_VADDR : 0, 0, first, size);
                        if (errno == Errno.OK || errno == Errno.EIO) {
                            InvalidateRequest request = new InvalidateRequest()
                                    .set(range ? Uapi.SCOPE_VADDR : 0, 0, 0, first, size, 2, new byte[0], 0, 0);
                            Verdict verdict = walker.invalidated(request, errno == Errno.OK);
                            assertNotEquals(Verdict.WRONG, verdict, errno::name);
                            answers[verdict == Verdict.OPEN ? 2 : errno == Errno.OK ? 0 : 1]++;
                        }
                    }
                    case 2 ->
                        bind(
                                machine,
                                walker,
                                scene.binds().get(random.nextInt(scene.binds().size())));
                    default -> compare(random, scene, machine, walker, compared);
                }
            }
        });
        assertTrue(compared[0] > 200 && compared[1] > 1000, compared[0] + " translated, " + compared[1] + " refused");
        assertTrue(answers[0] > 100 && answers[1] > 100, answers[0] + " carried out, " + answers[1] + " failed");
        assertTrue(answers[2] < answers[1], answers[2] + " could not be judged");
    }

    private static void bind(Machine machine, ReferenceWalker walker, FuzzScene.Bind bind) {
        assertEquals(Errno.OK, machine.bind(0, bind.flags(), bind.payload()), machine.last()::toString);
        walker.bound(
                new BindRequest().set(Uapi.BIND_PGTABLE, 2, bind.flags(), bind.payload(), 0, bind.payload().length));
    }

    /** Function 0 with a table of which page 0 of the aperture is mapped, behind a driver. */
    private static ReferenceWalker bound(Machine machine, long iota) {
        ReferenceWalker walker = new ZpciFuzzSupport().referenceWalker(machine.config(), machine, true);
        byte[] payload = BindPgtable.of(0, iota, 0x1_0000_0000L, 0x1_ffff_ffffL);
        walker.bound(new BindRequest().set(Uapi.BIND_PGTABLE, 2, 0, payload, 0, payload.length));
        return walker;
    }

    private static InvalidateRequest everything() {
        return new InvalidateRequest().set(0, 0, 0, 0, 0, 2, new byte[0], 0, 0);
    }

    @Test
    void shouldHoldAnAnswerAgainstTheTables() {
        Machine machine = Machine.of(2).withFreshTables();
        ReferenceWalker walker = bound(machine, 0x1000_0804L);

        assertEquals(Verdict.RIGHT, walker.invalidated(everything(), true));
        assertEquals(Verdict.WRONG, walker.invalidated(everything(), false));

        // A segment table entry of a region's type: docs/spec/s390-zpci.md 2.3 row 11.
        machine.write(0x1000_4000L, 0x1000_8004L);
        assertEquals(Verdict.RIGHT, walker.invalidated(everything(), false));

        // It is in error since: docs/spec/s390-zpci.md 2.3 row 5.
        machine.write(0x1000_4000L, 0x1000_8000L);
        assertEquals(Verdict.RIGHT, walker.invalidated(everything(), false));
        assertEquals(Verdict.WRONG, walker.invalidated(everything(), true));
    }

    @Test
    void shouldReadTablesOfASpaceThatIsProtectedAsAWhole() {
        ReferenceWalker walker = bound(Machine.of(2).withFreshTables(), 0x1000_0a04L);
        DmaAccess read = new DmaAccess().begin(0, 0x1_0000_2000L, DmaAccess.READ);
        DmaAccess write = new DmaAccess().begin(0, 0x1_0000_2000L, DmaAccess.WRITE);

        assertTrue(walker.translate(read) && walker.translate(write));

        assertEquals(0x1234_5000L, read.spa());
        assertEquals(4, write.faultCode());
    }

    @Test
    void shouldCountADevicesFaultAsTheCauseOfAnError() {
        ReferenceWalker walker = bound(Machine.of(2).withFreshTables(), 0x1000_0804L);

        walker.accessed(0, true);

        assertEquals(Verdict.RIGHT, walker.invalidated(everything(), false));
        assertEquals(Verdict.WRONG, walker.invalidated(everything(), true));
    }

    @Test
    void shouldNotSayWhichOfTwoFunctionsWasRefreshedBeforeOneFailed() {
        Machine machine = Machine.of(2).withFreshTables();
        ReferenceWalker walker = bound(machine, 0x1000_0804L);
        walker.attached(1, 0x1000_0000L, 3);
        walker.accessed(1, true);
        DmaAccess of = new DmaAccess().begin(0, 0x1_0000_2000L, DmaAccess.READ);
        assertTrue(walker.translate(of));

        assertEquals(Verdict.RIGHT, walker.invalidated(everything(), false));

        assertFalse(walker.translate(of), "the function without a fault may have been refreshed, or not");
        assertTrue(walker.translate(new DmaAccess().begin(1, 0x1_0000_2000L, DmaAccess.READ)));
    }

    @Test
    void shouldPrepareBindsThatAreRight() {
        Property.check(50, random -> {
            HardwareConfig config = fuzz.config(random.nextInt(1, 6), random);
            Machine machine = Machine.of(config);
            FuzzScene scene = fuzz.prepare(config, machine, random);
            if (fuzz.referenceWalker(config, machine, true) == null) {
                // Of a host that can hold only a few mappings a bind that is right may be too much.
                return;
            }
            machine.open(0);
            for (int requester : scene.requesters()) {
                machine.attach(0, requester);
            }
            for (FuzzScene.Bind bind : scene.binds()) {
                machine.bind(0, bind.flags(), bind.payload());
                assertEquals(Errno.OK, machine.last().errno(), machine.last()::toString);
            }
        });
    }
}
