package org.iommu4j.amd.guest;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.iommu4j.amd.Machine;
import org.iommu4j.amd.command.AmdViEvents.IoPageFault;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.AmdViRegisters.DevTabBase;
import org.iommu4j.amd.command.AmdViRegisters.Rings;
import org.iommu4j.amd.command.CompletionWait;
import org.iommu4j.amd.command.InvalidateDevtabEntry;
import org.iommu4j.amd.table.DeviceTableEntry;
import org.iommu4j.layout.Register;
import org.iommu4j.testing.GuestHost;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the host's chip records of a guest's devices, in the event log of the guest's virtual unit. */
class GuestEventsTest {
    private static final int DEVICE = 0x310;
    private static final int DOMAIN = 0x55;
    private static final int PASID = 3;
    private static final long TABLE = 0x100_0000L;
    private static final long ROOT = 0x200_0000L;
    private static final long GCR3 = 0x300_0000L;
    private static final long EVENTS = 0x400_0000L;
    private static final long ENTRY = DeviceTableEntry.V.mask()
            | DeviceTableEntry.TV.mask()
            | DeviceTableEntry.IR.mask()
            | DeviceTableEntry.IW.mask();

    private final Machine host = Machine.of(AmdViGeneration.V3);
    private final GuestHost containers = new GuestHost(host);
    private final AmdViGuestDecoder guest = new AmdViGuestDecoder(host.chip().config(), host.memory());

    @BeforeEach
    void shouldBringTheGuestUp() {
        write(DevTabBase.REGISTER, TABLE | 0x1ff);
        write(Rings.COMMAND_BUFFER.base(), 0x500_0000L | Rings.LENGTH.of(8));
        write(Rings.EVENT_LOG.base(), EVENTS | Rings.LENGTH.of(8));
        write(
                Control.REGISTER,
                Control.IOMMU_EN.mask()
                        | Control.CMD_BUF_EN.mask()
                        | Control.EVENT_LOG_EN.mask()
                        | Control.GT_EN.mask());
        bind(ENTRY | DeviceTableEntry.MODE.of(4) | ROOT, 0);
    }

    private void write(Register register, long value) {
        guest.writeRegister(register.offset(), register.widthBytes(), value, containers);
    }

    private void bind(long word0, long word1) {
        host.memory().writeLongLe(TABLE + DEVICE * 32L, word0);
        host.memory().writeLongLe(TABLE + DEVICE * 32L + 8, word1 | DOMAIN);
        guest.command(CompletionWait.LAYOUT.encode(InvalidateDevtabEntry.word0(DEVICE), 0), containers);
        assertEquals(
                List.of(),
                containers.take().stream()
                        .filter(line -> line.startsWith("refused"))
                        .toList());
    }

    /** Hands what the host's chip has recorded to the guest, as the core does. */
    private void tell() {
        host.chip().takeEvents(record -> guest.deviceEvent(record, containers));
    }

    private long logged() {
        return guest.readRegister(Rings.EVENT_LOG.tail().offset(), 8) / 16;
    }

    private long word(int slot, int word) {
        return host.memory().readLongLe(EVENTS + slot * 16L + word * 8L);
    }

    @Test
    void shouldTellOfFaultsOfHostTablesInTheGuestsOwnDomain() {
        assertEquals(-1, host.read(DEVICE, 0x1234_5678L));
        tell();
        assertEquals(1, logged());
        // IO_PAGE_FAULT, a read, not present.
        assertEquals(0x2000_0055_0000_0310L, word(0, 0));
        assertEquals(0x1234_5678L, word(0, 1));
    }

    @Test
    void shouldTellOfFaultsOfGuestTablesWithTheirPasid() {
        bind(
                ENTRY | DeviceTableEntry.GV.mask() | DeviceTableEntry.GIOV.mask() | DeviceTableEntry.gcr3Word0(GCR3),
                DeviceTableEntry.gcr3Word1(GCR3));
        host.memory().writeLongLe(GCR3 + PASID * 8L, ROOT | 1);
        assertEquals(-1, host.read(DEVICE, PASID, 0x1234_5678L));
        tell();
        assertEquals(1, logged());
        // IO_PAGE_FAULT, GN, a user's read, not present.
        assertEquals(0x2005_0003_0000_0310L, word(0, 0));
    }

    private static byte[] record(int code) {
        return IoPageFault.LAYOUT.encode((long) code << 60 | DEVICE, 0);
    }

    @Test
    void shouldHideWhatIsTheHostsOwnMatter() {
        guest.deviceEvent(record(3), containers);
        guest.deviceEvent(new byte[32], containers);
        bind(0, 0);
        assertEquals(0x1234_5678L, host.read(DEVICE, 0x1234_5678L));
        guest.deviceEvent(record(2), containers);
        assertEquals(0, logged());
    }
}
