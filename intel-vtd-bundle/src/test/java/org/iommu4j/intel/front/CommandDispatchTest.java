package org.iommu4j.intel.front;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import org.iommu4j.intel.command.IotlbInvalidate;
import org.iommu4j.intel.command.TableMode;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdCommand;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.intel.command.VtdRegisters.Cap;
import org.iommu4j.testing.Property;
import org.junit.jupiter.api.Test;

/** The short way of the commands that nearly all are: it takes nothing that the table of commands would not take alike. */
final class CommandDispatchTest {
    private static final long PAGES =
            IotlbInvalidate.TYPE.of(VtdCommand.TYPE_IOTLB) | IotlbInvalidate.G.of(IotlbInvalidate.PAGE);

    private static final int[] GENERATIONS = {
        VtdGeneration.LEGACY_QI, VtdGeneration.SCALABLE, VtdGeneration.WIDE_TYPE, VtdGeneration.HOST_PERMISSIONS
    };
    private static final TableMode[] MODES = {TableMode.LEGACY, TableMode.SCALABLE, TableMode.ABORT};

    @Test
    void shouldTakeNoCommandAsPlainThatTheCheckRefusesOrInWhichBitsAreIgnored() {
        int[] plain = new int[1];
        Property.check(20_000, random -> plain[0] += check(random));
        assertTrue(plain[0] > 500, () -> "only " + plain[0] + " commands were plain");
    }

    private static int check(SplittableRandom random) {
        int generation = GENERATIONS[random.nextInt(GENERATIONS.length)];
        VtdCapabilities unit = unit(generation, random.nextInt(64), random.nextInt(8), random.nextBoolean());
        CommandDispatch dispatch = new CommandDispatch(generation, unit, null);
        dispatch.setTableMode(MODES[random.nextInt(MODES.length)]);
        long word0 = PAGES | IotlbInvalidate.DID.of(random.nextInt(1 << 16));
        long address = (random.nextLong() >>> random.nextInt(40)) & IotlbInvalidate.ADDR.mask();
        long word1 = address | IotlbInvalidate.AM.of(random.nextInt(64) >>> random.nextInt(7));
        if (random.nextBoolean()) {
            word0 ^= 1L << random.nextInt(Long.SIZE);
            word1 ^= 1L << random.nextInt(Long.SIZE);
        }
        if (!dispatch.isPlainPages(word0, word1)) {
            return 0;
        }
        assertEquals(VtdCommand.TYPE_IOTLB, VtdCommand.typeOf(word0, generation));
        assertEquals(IotlbInvalidate.PAGE, IotlbInvalidate.G.getInt(word0));
        CommandCheck iotlb = dispatch.ofType(VtdCommand.TYPE_IOTLB);
        assertEquals(CommandCheck.OK, iotlb.check(word0, word1));
        assertEquals(word0, iotlb.meant0(word0));
        assertEquals(word1, iotlb.meant1(word1));
        return 1;
    }

    @Test
    void shouldTakeOnePageAsPlainOnAnyUnitThatSelectsPages() {
        long page = IotlbInvalidate.ADDR.of(0x1234_5000L) | IotlbInvalidate.IH.mask();
        for (int mamv = 0; mamv < 64; mamv++) {
            assertTrue(dispatch(mamv).isPlainPages(PAGES | IotlbInvalidate.DID.of(3), page));
        }
    }

    @Test
    void shouldLeaveMorePagesThanTheUnitTakesToTheCheck() {
        for (int mamv = 0; mamv < 63; mamv++) {
            long word1 = IotlbInvalidate.AM.of(mamv + 1);
            CommandDispatch dispatch = dispatch(mamv);
            assertFalse(dispatch.isPlainPages(PAGES, word1));
            assertFalse(dispatch.ofType(VtdCommand.TYPE_IOTLB).check(PAGES, word1) == CommandCheck.OK);
        }
    }

    @Test
    void shouldNotTakeATypeAsPlainOfWhichOnlyTheLowBitsAreThoseOfAnIotlbInvalidation() {
        VtdCapabilities unit = unit(VtdGeneration.WIDE_TYPE, 6, 6, true);
        CommandDispatch dispatch = new CommandDispatch(VtdGeneration.WIDE_TYPE, unit, null);
        dispatch.setTableMode(TableMode.SCALABLE);
        assertTrue(dispatch.isPlainPages(PAGES, 0));
        assertFalse(dispatch.isPlainPages(PAGES | IotlbInvalidate.TYPE_HIGH.of(1), 0));
    }

    private static CommandDispatch dispatch(int mamv) {
        return new CommandDispatch(VtdGeneration.LEGACY_QI, unit(VtdGeneration.LEGACY_QI, mamv, 6, true), null);
    }

    private static VtdCapabilities unit(int generation, int mamv, int nd, boolean psi) {
        VtdCapabilities known = VtdCapabilities.defaultOf(generation);
        long cap = known.cap() & ~(Cap.MAMV.mask() | Cap.ND.mask() | Cap.PSI.mask());
        return new VtdCapabilities(
                known.ver(), cap | Cap.MAMV.of(mamv) | Cap.ND.of(nd) | (psi ? Cap.PSI.mask() : 0), known.ecap());
    }
}
