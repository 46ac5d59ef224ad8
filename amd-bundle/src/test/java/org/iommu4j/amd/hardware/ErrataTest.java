package org.iommu4j.amd.hardware;

import static org.iommu4j.amd.SpecVectors.hex;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.iommu4j.amd.SpecVectors;
import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.AmdViRegisters.Rings;
import org.iommu4j.amd.command.AmdViRegisters.Status;
import org.iommu4j.amd.command.CompletionWait;
import org.iommu4j.amd.command.InvalidateDevtabEntry;
import org.iommu4j.amd.command.InvalidateIommuPages;
import org.iommu4j.amd.command.InvalidateIotlbPages;
import org.iommu4j.amd.command.SizeEncoding;
import org.iommu4j.amd.table.DeviceTableEntry;
import org.iommu4j.amd.table.HostPde;
import org.iommu4j.amd.table.HostPte;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.DmaAccess.AddressType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Mistakes of other implementations and of real parts, docs/spec/amd-vi.md 7, that no vector of section 8 shows; and the host's
 * command sequences of 5.6.
 */
final class ErrataTest {
    private static final long ILLEGAL = 0;
    private static final long STORE = 0x7_0000L;
    private static final long IOVA = 0x1234_5000L;
    private static final long PAGE = 0xabc_d000L;
    private static final long ROOT = 0x5000L;
    private static final long LOWER = 0x6000L;
    private static final long RIGHTS = HostPte.PR.mask() | HostPte.IR.mask() | HostPte.IW.mask();

    /** A device that may use a TLB of its own, with a host table of two levels, and rights of its directory and its page. */
    private static AmdViUnit unit(long directoryRights, long pageRights) {
        AmdViUnit unit = AmdViUnit.recipe().make().translating().commanding();
        unit.device(
                AmdViUnit.DEVICE,
                DeviceTableEntry.V.mask()
                        | DeviceTableEntry.TV.mask()
                        | DeviceTableEntry.IR.mask()
                        | DeviceTableEntry.IW.mask()
                        | DeviceTableEntry.MODE.of(2)
                        | DeviceTableEntry.HOST_ROOT.of(ROOT),
                DeviceTableEntry.DOMAIN_ID.of(AmdViUnit.DOMAIN) | DeviceTableEntry.I.mask(),
                0,
                0);
        unit.memory.writeLongLe(ROOT, LOWER | directoryRights | HostPde.NEXT_LEVEL.of(1));
        for (int slot = 0; slot < 512; slot++) {
            unit.memory.writeLongLe(LOWER + slot * 8L, PAGE + slot * 0x1000L | pageRights);
        }
        return unit;
    }

    private static void fault(AmdViUnit unit) {
        unit.dma(AmdViUnit.DEVICE, IOVA, AmdViUnit.READ);
    }

    @Test
    void shouldWriteOneEventAndWrapTheLogByBytes() {
        // B1, B2: one event is one entry; the 33rd is logged, and behind the last slot comes the first.
        AmdViUnit unit = AmdViUnit.recipe().make().translating();
        unit.off(Control.EVENT_LOG_EN);
        unit.write(Rings.EVENT_LOG.base(), AmdViUnit.EVENT_LOG | Rings.LENGTH.of(9));
        unit.on(Control.EVENT_LOG_EN);
        unit.device(AmdViUnit.DEVICE, DeviceTableEntry.V.mask(), 0, 0, 0);
        for (int i = 1; i < 512; i++) {
            fault(unit);
            assertEquals(i * 0x10L, unit.read(Rings.EVENT_LOG.tail()));
        }
        assertFalse(unit.status(Status.EVENT_OVERFLOW));
        unit.write(Rings.EVENT_LOG.head(), 0x100);
        fault(unit);
        assertEquals(0, unit.read(Rings.EVENT_LOG.tail()));
        fault(unit);
        assertEquals(0x10, unit.read(Rings.EVENT_LOG.tail()));
        assertFalse(unit.status(Status.EVENT_OVERFLOW));
    }

    @Test
    void shouldTakeTheTypeOfACommandFromItsFirstWord() {
        // B6
        AmdViUnit unit = AmdViUnit.recipe().make().translating().commanding();
        unit.submit(hex("9000000000000000"), hex("f000000000000000"));
        assertEquals(List.of("00000000 50000000 00090000 00000000"), unit.events());
    }

    @Test
    void shouldKeepTheRightsOfEveryLevelInItsCaches() {
        // B12: read first, so that the page is cached.
        AmdViUnit unit = unit(HostPte.PR.mask() | HostPte.IR.mask(), RIGHTS);
        unit.assertTranslates(0x1678, AmdViUnit.READ, PAGE + 0x1678);
        unit.dma(AmdViUnit.DEVICE, 0x1678, AmdViUnit.WRITE);
        assertEquals(List.of("00000310 20700012 00001678 00000000"), unit.events());
    }

    @Test
    void shouldTakeLargePagesOrNot() {
        // B16
        for (String value : List.of("translated", "fault")) {
            AmdViUnit unit =
                    AmdViUnit.recipe().option("page-512g", value).make().translating();
            unit.device(
                    AmdViUnit.DEVICE,
                    DeviceTableEntry.V.mask()
                            | DeviceTableEntry.TV.mask()
                            | DeviceTableEntry.IR.mask()
                            | DeviceTableEntry.MODE.of(4)
                            | DeviceTableEntry.HOST_ROOT.of(ROOT),
                    DeviceTableEntry.DOMAIN_ID.of(AmdViUnit.DOMAIN),
                    0,
                    0);
            unit.memory.writeLongLe(ROOT, RIGHTS);
            unit.dma(AmdViUnit.DEVICE, IOVA, AmdViUnit.READ);
            assertEquals(
                    value.equals("fault") ? List.of("00000310 20100012 12345000 00000000") : List.of(), unit.events());
        }
    }

    @Test
    void shouldHaveAnEventInMemoryBeforeItsMessage() {
        // B14: on a real part the message may be faster, and a reader that finds type 0 looks again; here it never is.
        AmdViUnit unit = AmdViUnit.recipe().make().messages().translating();
        unit.on(Control.EVENT_INT_EN);
        unit.device(AmdViUnit.DEVICE, DeviceTableEntry.V.mask(), 0, 0, 0);
        List<String> seen = new ArrayList<>();
        unit.onInterrupt = () -> seen.addAll(unit.events());
        fault(unit);
        assertEquals(List.of("00000310 20000000 12345000 00000000"), seen);
    }

    @Test
    void shouldSeeAnInterruptBitAgainThatIsSetWhileSoftwareClearsIt() {
        // B15: an event between the reading of the bit and its clearing is seen by a reader who looks again.
        AmdViUnit unit = AmdViUnit.recipe().make().translating();
        unit.device(AmdViUnit.DEVICE, DeviceTableEntry.V.mask(), 0, 0, 0);
        fault(unit);
        assertTrue(unit.status(Status.EVENT_LOG_INT));
        unit.write(Status.REGISTER, Status.EVENT_LOG_INT.mask());
        fault(unit);
        assertTrue(unit.status(Status.EVENT_LOG_INT));
        assertEquals(2, unit.events().size());
    }

    @Test
    void shouldAnswerTranslationRequestsWithTheRightsOfTheDeviceEntry() {
        // B17
        AmdViUnit unit = unit(RIGHTS, RIGHTS);
        long at = AmdViUnit.DEVICE_TABLE + AmdViUnit.DEVICE * 32L;
        unit.memory.writeLongLe(at, unit.memory.readLongLe(at) & ~DeviceTableEntry.IW.mask());
        DmaAccess access =
                new DmaAccess().begin(AmdViUnit.DEVICE, 0x1000, DmaAccess.READ).as(AddressType.TRANSLATION_REQUEST);
        unit.chip.translate(access);
        assertEquals(DmaAccess.Outcome.TRANSLATED, access.outcome());
        assertEquals(DmaAccess.READ, access.grantedRights());
    }

    @Test
    void shouldTranslateWhileEventsComeInAStorm() {
        // B18
        AmdViUnit unit = unit(RIGHTS, RIGHTS);
        unit.device(0x8, DeviceTableEntry.V.mask(), 0, 0, 0);
        for (int i = 0; i < 600; i++) {
            unit.dma(0x8, IOVA, AmdViUnit.READ);
            unit.assertTranslates(0x2000, AmdViUnit.READ, PAGE + 0x2000);
        }
        assertTrue(unit.status(Status.EVENT_OVERFLOW));
    }

    @Test
    void shouldDropOnePageOfADeviceWithoutTheBitOfSizes() {
        // B24: without S a flush of 2 MiB is one of 4 KiB, and the device keeps the rest.
        AmdViUnit unit = unit(RIGHTS, RIGHTS);
        for (long iova : new long[] {0, 0x1000}) {
            unit.chip.translate(new DmaAccess()
                    .begin(AmdViUnit.DEVICE, iova, DmaAccess.READ)
                    .as(AddressType.TRANSLATION_REQUEST));
        }
        unit.submit(
                InvalidateIotlbPages.word0(AmdViUnit.DEVICE, AmdViUnit.DEVICE, 0x20, InvalidateIotlbPages.NO_PASID),
                InvalidateIotlbPages.word1(InvalidateIotlbPages.NO_PASID, 0, SizeEncoding.PAGE_SHIFT, 0));
        List<Long> kept = new ArrayList<>();
        unit.chip.visitCache((cache, tag, pasid, iova, length, pa) -> {
            if (cache.equals("device-tlb")) {
                kept.add(iova);
            }
        });
        assertEquals(List.of(0x1000L), kept);
    }

    @Test
    void shouldTakeABaseWhileAnEventIsToBeRead() {
        // B31
        AmdViUnit unit = AmdViUnit.recipe().make().translating();
        unit.device(AmdViUnit.DEVICE, DeviceTableEntry.V.mask(), 0, 0, 0);
        fault(unit);
        unit.off(Control.EVENT_LOG_EN);
        assertTrue(unit.status(Status.EVENT_LOG_INT));
        unit.write(Rings.EVENT_LOG.base(), AmdViUnit.PPR_LOG | AmdViUnit.LEAST_LENGTH);
        assertEquals(AmdViUnit.PPR_LOG | AmdViUnit.LEAST_LENGTH, unit.read(Rings.EVENT_LOG.base()));
        assertEquals(0, unit.read(Rings.EVENT_LOG.tail()));
    }

    @Test
    void shouldKeepDomainsThatNobodyNames() {
        // B28: without a command for everything, a loop that stops too early leaves the rest.
        AmdViUnit unit = unit(RIGHTS, RIGHTS);
        unit.assertTranslates(0x1000, AmdViUnit.READ, PAGE + 0x1000);
        unit.memory.writeLongLe(LOWER + 8, PAGE | RIGHTS);
        for (int domain = 0; domain < AmdViUnit.DOMAIN; domain++) {
            unit.submit(
                    InvalidateIommuPages.word0(domain, InvalidateIommuPages.NO_PASID),
                    InvalidateIommuPages.word1(InvalidateIommuPages.NO_PASID, 0, SizeEncoding.ALL, true));
        }
        unit.assertTranslates(0x1000, AmdViUnit.READ, PAGE + 0x1000);
    }

    /** The sequences of the host, each a list of commands as their two words. */
    static Stream<List<long[]>> sequences() {
        List<List<long[]>> sequences = new ArrayList<>();
        for (int number = 1; number <= 12; number++) {
            List<long[]> commands = new ArrayList<>();
            for (List<String> cells : SpecVectors.rows("HS" + number + ".")) {
                String[] words = cells.get(3).replace("`", "").split(" ", -1);
                commands.add(new long[] {hex(words[0]), hex(words[1])});
            }
            sequences.add(commands);
        }
        return sequences.stream();
    }

    /** All sequences are legal, and a wait that stores tells that they are done. */
    @ParameterizedTest
    @MethodSource("sequences")
    void shouldCarryOutTheSequencesOfTheHost(List<long[]> commands) {
        AmdViUnit unit = AmdViUnit.recipe()
                .generation(AmdViGeneration.NESTED)
                .make()
                .translating()
                .commanding();
        for (long[] command : commands) {
            unit.submit(command[0], command[1]);
        }
        assertEquals(List.of(), unit.events());
        assertTrue(unit.status(Status.CMD_BUF_RUN));
        assertEquals(commands.size() * 16L, unit.read(Rings.COMMAND_BUFFER.head()));
        long[] last = commands.get(commands.size() - 1);
        boolean waits = AmdViCommand.opcodeOf(last[0]) == AmdViCommand.OP_COMPLETION_WAIT;
        if (waits && CompletionWait.S.isSet(last[0])) {
            assertEquals(last[1], unit.memory.readLongLe(CompletionWait.STORE_ADDRESS.get(last[0])));
        } else if (waits) {
            assertTrue(unit.status(Status.COM_WAIT_INT));
        }
    }

    @Test
    void shouldNotCarryOutWhatStandsBehindAnIllegalCommand() {
        // B7
        AmdViUnit unit = AmdViUnit.recipe().make().translating().commanding();
        for (int i = 0; i < 3; i++) {
            unit.submit(InvalidateDevtabEntry.word0(i), 0);
        }
        unit.submit(ILLEGAL, 0);
        unit.submit(CompletionWait.storing(STORE), 1);
        assertEquals(0x30, unit.read(Rings.COMMAND_BUFFER.head()));
        assertEquals(0, unit.memory.readLongLe(STORE));
    }
}
