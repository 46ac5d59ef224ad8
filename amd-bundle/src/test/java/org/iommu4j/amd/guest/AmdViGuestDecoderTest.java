package org.iommu4j.amd.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.AmdViRegisters.DevTabBase;
import org.iommu4j.amd.command.AmdViRegisters.DevTabSegment;
import org.iommu4j.amd.command.AmdViRegisters.Rings;
import org.iommu4j.amd.command.AmdViRegisters.Status;
import org.iommu4j.amd.command.BindPasidTable;
import org.iommu4j.amd.command.BindPgtable;
import org.iommu4j.amd.command.CompletionWait;
import org.iommu4j.amd.command.InvalidateDevtabEntry;
import org.iommu4j.amd.command.InvalidateIommuAll;
import org.iommu4j.amd.command.InvalidateIommuPages;
import org.iommu4j.amd.command.InvalidateIotlbPages;
import org.iommu4j.amd.command.PrefetchIommuPages;
import org.iommu4j.amd.command.SizeEncoding;
import org.iommu4j.amd.table.DeviceTableEntry;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.GuestRequests;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.junit.jupiter.api.Test;

/** What a guest's registers, commands and device table become. */
final class AmdViGuestDecoderTest {
    private static final int DEVICE = 0x310;
    private static final long TABLE = 0x10_0000L;
    private static final long ROOT = 0x5000;
    private static final long STORE = 0x7000;
    private static final int UNTRANSLATED = 1 << 16;

    /** Offset of a request's vendor part behind the outer header and that of the bind. */
    private static final int BIND_PAYLOAD = 32;

    private static final int INVALIDATE_PAYLOAD = 60;

    private final List<String> calls = new ArrayList<>();
    private final List<byte[]> requests = new ArrayList<>();
    private Errno answer = Errno.OK;

    private final GuestRequests sink = new GuestRequests() {
        @Override
        public Completion request(int guestDomain, byte[] bytes) {
            calls.add("request " + Integer.toHexString(guestDomain));
            requests.add(bytes);
            Completion completion = new Completion().begin();
            if (answer == Errno.OK) {
                completion.done(Fidelity.EXACT);
            } else {
                completion.fail(answer, "refused by the test");
            }
            return completion;
        }

        @Override
        public void handled(String why) {
            calls.add("handled");
        }

        @Override
        public void refused(String reason) {
            calls.add("refused");
        }

        @Override
        public void move(int requester, int guestDomain) {
            calls.add("move " + Integer.toHexString(requester) + " " + Integer.toHexString(guestDomain));
        }
    };

    private final PhysicalMemory memory = new SimulatedPlatform(
                    new PlatformConfig(48, List.of(), (address, data) -> {}, (r, p, i, l) -> true))
            .memory();

    private AmdViGuestDecoder decoder = new AmdViGuestDecoder(HardwareConfig.of(AmdViGeneration.V3), memory);

    private void write(Register register, long value) {
        decoder.writeRegister(register.offset(), register.widthBytes(), value, sink);
    }

    private void command(long word0, long word1) {
        decoder.command(CompletionWait.LAYOUT.encode(word0, word1), sink);
    }

    private void entry(long word0, long word1) {
        memory.writeLongLe(TABLE + DEVICE * 32L, word0);
        memory.writeLongLe(TABLE + DEVICE * 32L + 8, word1);
    }

    private void translating() {
        write(DevTabBase.REGISTER, TABLE | 0x1ff);
        write(Rings.COMMAND_BUFFER.base(), 0x9_0000L | Rings.LENGTH.of(8));
        write(Rings.EVENT_LOG.base(), 0x8_0000L | Rings.LENGTH.of(8));
        write(
                Control.REGISTER,
                Control.IOMMU_EN.mask()
                        | Control.CMD_BUF_EN.mask()
                        | Control.EVENT_LOG_EN.mask()
                        | Control.GT_EN.mask());
        calls.clear();
    }

    private long payload(int request, Layout layout, int word, int offset) {
        return layout.word(requests.get(request), offset, word);
    }

    @Test
    void shouldBindADeviceWhenItsEntryIsInvalidatedOrUsed() {
        translating();
        entry(0x6000000000005803L, 0x12);
        command(InvalidateDevtabEntry.word0(DEVICE), 0);
        assertEquals(List.of("move 310 ffffffff", "move 310 12", "request 12", "handled"), calls);
        assertEquals(0, BindPgtable.GUEST_DOMAIN_ID.get(payload(0, BindPgtable.LAYOUT, 2, BIND_PAYLOAD)));
        assertEquals(ROOT, BindPgtable.TABLE_ROOT.get(payload(0, BindPgtable.LAYOUT, 0, BIND_PAYLOAD)));
        long word1 = payload(0, BindPgtable.LAYOUT, 1, BIND_PAYLOAD);
        assertEquals(DEVICE, BindPgtable.REQUESTER.get(word1));
        assertEquals(4, BindPgtable.MODE.get(word1));
        calls.clear();
        decoder.deviceAccess(DEVICE, sink);
        assertEquals(List.of(), calls);
    }

    @Test
    void shouldKeepWhatIsInForceUntilTheEntryIsInvalidated() {
        translating();
        entry(0x6000000000005803L, 0x12);
        decoder.deviceAccess(DEVICE, sink);
        entry(0x3L, 0);
        calls.clear();
        decoder.deviceAccess(DEVICE, sink);
        assertEquals(List.of(), calls);
        command(InvalidateDevtabEntry.word0(DEVICE), 0);
        assertEquals(List.of("move 310 ffffffff", "handled"), calls);
    }

    @Test
    void shouldLetDevicesPassThatTheGuestDoesNotTranslate() {
        decoder.deviceAccess(DEVICE, sink);
        assertEquals("request " + Integer.toHexString(UNTRANSLATED), calls.get(calls.size() - 1));
        translating();
        entry(0, 0);
        decoder.deviceAccess(DEVICE + 1, sink);
        assertEquals("request " + Integer.toHexString(UNTRANSLATED), calls.get(calls.size() - 1));
    }

    @Test
    void shouldBindGuestTablesAboveTheHostTable() {
        translating();
        long gcr3 = 0x9000;
        entry(
                0x6000000000005803L | DeviceTableEntry.GV.mask() | DeviceTableEntry.gcr3Word0(gcr3),
                0x12 | DeviceTableEntry.gcr3Word1(gcr3));
        command(InvalidateDevtabEntry.word0(DEVICE), 0);
        assertEquals(List.of("move 310 ffffffff", "move 310 12", "request 12", "request 12", "handled"), calls);
        assertEquals(gcr3, BindPasidTable.TABLE_ROOT.get(payload(1, BindPasidTable.LAYOUT, 0, BIND_PAYLOAD)));
    }

    @Test
    void shouldFindEntriesInTheSegmentsOfTheGuestsTable() {
        decoder = new AmdViGuestDecoder(
                new HardwareConfig(
                        AmdViGeneration.V3,
                        Map.of("efr", Map.of("DevTblSegSup", 1L)),
                        Map.of(),
                        CacheConfig.NONE,
                        Map.of()),
                memory);
        long second = 0x20_0000L;
        write(DevTabSegment.of(1), second | 0x7f);
        translating();
        write(Control.REGISTER, decoder.readRegister(Control.REGISTER.offset(), 8) | Control.DEV_TBL_SEG_EN.of(1));
        memory.writeLongLe(second + DEVICE * 32L, 0x6000000000005803L);
        memory.writeLongLe(second + DEVICE * 32L + 8, 0x13);
        calls.clear();
        decoder.deviceAccess(0x8000 | DEVICE, sink);
        assertEquals(List.of("move 8310 ffffffff", "move 8310 13", "request 13"), calls);
        calls.clear();
        decoder.deviceAccess(0xf000, sink);
        // Beyond the segment: the device stays in no domain.
        assertEquals(List.of(), calls);
    }

    @Test
    void shouldNameDomainsAndGuestAddressesFromTheGenerationOnThatHasThem() {
        decoder = new AmdViGuestDecoder(HardwareConfig.of(AmdViGeneration.NESTED), memory);
        translating();
        write(Control.REGISTER, decoder.readRegister(Control.REGISTER.offset(), 8) | Control.GCR3_TRP_MODE.mask());
        long gcr3 = 0x9000;
        entry(
                0x6000000000005803L | DeviceTableEntry.GV.mask() | DeviceTableEntry.gcr3Word0(gcr3),
                0x12 | DeviceTableEntry.gcr3Word1(gcr3));
        decoder.deviceAccess(DEVICE, sink);
        assertEquals(0x12, BindPgtable.GUEST_DOMAIN_ID.get(payload(0, BindPgtable.LAYOUT, 2, BIND_PAYLOAD)));
        assertEquals(0x12, BindPasidTable.GUEST_DOMAIN_ID.get(payload(1, BindPasidTable.LAYOUT, 2, BIND_PAYLOAD)));
        assertTrue(BindPasidTable.GUEST_ROOT.isSet(payload(1, BindPasidTable.LAYOUT, 1, BIND_PAYLOAD)));
        requests.clear();
        command(InvalidateIommuPages.word0(0x12, -1), InvalidateIommuPages.word1(-1, 0x4000, 13, true));
        long word0 = payload(0, InvalidateIommuPages.LAYOUT, 0, INVALIDATE_PAYLOAD);
        assertEquals(0x12, InvalidateIommuPages.DOMAIN_ID.get(word0));
    }

    @Test
    void shouldForwardInvalidationsWithoutTheGuestsDomain() {
        translating();
        entry(0x6000000000005803L, 0x12);
        decoder.deviceAccess(DEVICE, sink);
        requests.clear();
        calls.clear();
        command(InvalidateIommuPages.word0(0x12, -1), InvalidateIommuPages.word1(-1, 0x4000, 13, true));
        command(InvalidateIommuPages.word0(0x13, -1), InvalidateIommuPages.word1(-1, 0x4000, 13, true));
        command(InvalidateIommuAll.word0(), 0);
        assertEquals(List.of("request 12", "handled", "request ffffffff"), calls);
        long word0 = payload(0, InvalidateIommuPages.LAYOUT, 0, INVALIDATE_PAYLOAD);
        assertEquals(0, InvalidateIommuPages.DOMAIN_ID.get(word0));
        assertEquals(AmdViCommand.OP_IOMMU_PAGES, AmdViCommand.opcodeOf(word0));
    }

    /** AMD-D.9: the entry loses GV, and then each PASID that was used is dropped. */
    @Test
    void shouldHaveNothingToDropOfPasidsWhereNoDeviceHasGuestTables() {
        translating();
        long gcr3 = 0x9000;
        entry(
                0x6000000000005803L | DeviceTableEntry.GV.mask() | DeviceTableEntry.gcr3Word0(gcr3),
                0x1_0000_0012L | DeviceTableEntry.gcr3Word1(gcr3));
        command(InvalidateDevtabEntry.word0(DEVICE), 0);
        entry(0x6000000000005803L, 0x1_0000_0012L);
        command(InvalidateDevtabEntry.word0(DEVICE), 0);
        calls.clear();
        command(InvalidateIommuPages.word0(0x12, 0x45), InvalidateIommuPages.word1(0x45, 0, SizeEncoding.ALL, true));
        command(
                InvalidateIotlbPages.word0(DEVICE, 0, 0, 0x45),
                InvalidateIotlbPages.word1(0x45, 0, SizeEncoding.ALL, 0));
        command(
                PrefetchIommuPages.DEVICE_ID.of(DEVICE)
                        | PrefetchIommuPages.PASID.of(0x45)
                        | PrefetchIommuPages.OPCODE.of(AmdViCommand.OP_PREFETCH),
                PrefetchIommuPages.GN.mask() | PrefetchIommuPages.INVAL.mask());
        assertEquals(List.of("handled", "handled", "handled"), calls);
        assertTrue(Status.CMD_BUF_RUN.isSet(decoder.readRegister(Status.REGISTER.offset(), 8)));
    }

    @Test
    void shouldHaveNothingToDropOfDevicesThatTheGuestDoesNotTranslate() {
        decoder = new AmdViGuestDecoder(HardwareConfig.of(AmdViGeneration.NESTED), memory);
        translating();
        decoder.deviceAccess(DEVICE, sink);
        calls.clear();
        command(
                PrefetchIommuPages.DEVICE_ID.of(DEVICE) | PrefetchIommuPages.OPCODE.of(AmdViCommand.OP_PREFETCH),
                PrefetchIommuPages.INVAL.mask());
        assertEquals(List.of("handled"), calls);
    }

    @Test
    void shouldHaveNothingToDropOfPasidsThatTheUnitDoesNotHave() {
        translating();
        long gcr3 = 0x9000;
        entry(
                0x6000000000005803L | DeviceTableEntry.GV.mask() | DeviceTableEntry.gcr3Word0(gcr3),
                0x12 | DeviceTableEntry.gcr3Word1(gcr3));
        decoder.deviceAccess(DEVICE, sink);
        calls.clear();
        command(
                InvalidateIommuPages.word0(0x12, 0x1_0000),
                InvalidateIommuPages.word1(0x1_0000, 0, SizeEncoding.ALL, true));
        assertEquals(List.of("handled"), calls);
        command(InvalidateIommuPages.word0(0x12, 0xffff), InvalidateIommuPages.word1(0xffff, 0x4000, 12, true));
        assertEquals(List.of("handled", "request 12"), calls);
    }

    @Test
    void shouldNotAcknowledgeWhatTheHostDoesNotCarryOut() {
        translating();
        entry(0x6000000000005803L, 0x12);
        decoder.deviceAccess(DEVICE, sink);
        answer = Errno.EIO;
        command(InvalidateIommuPages.word0(0x12, -1), InvalidateIommuPages.word1(-1, 0x4000, 12, true));
        assertEquals(0, decoder.readRegister(Status.REGISTER.offset(), 8) & Status.CMD_BUF_RUN.mask());
        assertEquals(0, decoder.readRegister(Rings.COMMAND_BUFFER.head().offset(), 8));
        command(CompletionWait.storing(STORE), 1);
        assertEquals(0, memory.readLongLe(STORE));
        assertEquals("refused", calls.get(calls.size() - 1));
    }

    @Test
    void shouldGoOnWhereASavedUnitStopped() {
        translating();
        entry(0x6000000000005803L, 0x12);
        decoder.deviceAccess(DEVICE, sink);
        command(0, 0);
        decoder = AmdViGuestDecoder.restore(decoder.save(), memory);
        calls.clear();
        decoder.deviceAccess(DEVICE, sink);
        assertEquals(List.of(), calls);
        command(CompletionWait.storing(STORE), 1);
        assertEquals(List.of("refused"), calls);
        long control = decoder.readRegister(Control.REGISTER.offset(), 8);
        write(Control.REGISTER, control & ~Control.CMD_BUF_EN.mask());
        write(Control.REGISTER, control);
        command(CompletionWait.storing(STORE), 1);
        assertEquals(1, memory.readLongLe(STORE));
        assertTrue(decoder.commandName(CompletionWait.LAYOUT.encode(CompletionWait.storing(STORE), 1))
                .equals("COMPLETION_WAIT"));
    }
}
