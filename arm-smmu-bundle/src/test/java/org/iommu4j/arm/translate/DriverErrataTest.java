package org.iommu4j.arm.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.iommu4j.arm.Machine;
import org.iommu4j.arm.command.BindPageTable;
import org.iommu4j.arm.command.CommandFields;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.arm.command.SmmuRegisters.Cr0;
import org.iommu4j.arm.command.SmmuRegisters.Cr2;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The host's driver on parts with defects, docs/spec/arm-smmu.md 6.3 and 7. */
class DriverErrataTest {
    private static final int DEVICE = 0x1A8;
    private static final long TABLE = 0x2000_0000L;
    private static final long IOVA = 0x7_5000;

    private static HardwareConfig part(long iidr, Map<String, String> options) {
        return new HardwareConfig(
                SmmuGeneration.V3_2,
                Map.of("idr", Map.of("SEV", 1L, "BTM", 1L)),
                Map.of("IIDR", iidr),
                CacheConfig.WORST_CASE,
                options);
    }

    @ParameterizedTest
    @CsvSource({"0x4830243b", "0x4831043b", "0x4832043b", "0x4870043b", "0"})
    void shouldNeitherPrefetchNorWaitForEventsNorTakeBroadcasts(String iidr) {
        // E1, E3, E10
        Machine machine = Machine.of(part(Long.decode(iidr), Map.of()));
        machine.open(0);
        machine.attach(0, DEVICE);
        machine.map(TABLE, IOVA, 0x900_0000L | 0xf43, 0x2100_0000L);
        assertEquals(Errno.OK, machine.bind(0, 0, Machine.pageTable(DEVICE, TABLE)), machine.last()::toString);
        assertEquals(0x900_0000L, machine.read(DEVICE, -1, IOVA));
        assertEquals(Errno.OK, machine.invalidate(0, Uapi.SCOPE_VADDR, 0, 0, 100 * 4096L));
        assertEquals(Errno.OK, machine.invalidate(0, 0, 0, 0, 0));
        assertEquals(Errno.OK, machine.detach(0, DEVICE));
        assertEquals(Errno.OK, machine.close(0));
        List<String> commands = machine.takeCommands();
        assertFalse(commands.isEmpty());
        for (String command : commands) {
            long word0 = Long.parseUnsignedLong(command.substring(0, 16), 16);
            int opcode = SmmuCommand.opcodeOf(word0);
            assertTrue(opcode != SmmuCommand.PREFETCH_CONFIG.opcode() && opcode != SmmuCommand.PREFETCH_ADDR.opcode());
            assertEquals(
                    CommandFields.SIG_NONE, opcode == SmmuCommand.SYNC.opcode() ? CommandFields.CS.getInt(word0) : 0);
        }
        assertTrue(Cr2.PTM.isSet(machine.chip().readRegister(Cr2.REGISTER.offset(), 4)));
    }

    @ParameterizedTest
    @CsvSource({
        // MMU-600 r0p2, r1p0, r2p0; MMU-700 r0p0; a part of somebody else
        "0x4830243b, false",
        "0x4831043b, false",
        "0x4832043b, true",
        "0x4870043b, false",
        "0x4830243c, true"
    })
    void shouldOfferNoMemoryMapOnPartsThatFailWithBothStages(String iidr, boolean nests) {
        // E2, E4
        Machine machine = Machine.of(part(Long.decode(iidr), Map.of()));
        assertEquals(nests, machine.translator().memoryMap().pageSizes() != 0);
        machine.open(0);
        machine.attach(0, DEVICE);
        // One stage or the other goes on working.
        machine.map(TABLE, IOVA, 0x900_0000L | 0xf43, 0x2100_0000L);
        assertEquals(Errno.OK, machine.bind(0, 0, Machine.pageTable(DEVICE, TABLE)), machine.last()::toString);
        assertEquals(0x900_0000L, machine.read(DEVICE, -1, IOVA));
        byte[] nested = BindPageTable.LAYOUT.encode(TABLE, 0x0002_5010L << 32 | DEVICE, 0x2000_0000L);
        assertEquals(Errno.OK, machine.bind(0, Uapi.BIND_FLAG_UNBIND, Machine.pageTable(DEVICE, TABLE)));
        assertEquals(nests ? Errno.OK : Errno.EOPNOTSUPP, machine.bind(0, 1 << 19, nested));
    }

    @Test
    void shouldRunAChipWithOnePageOfRegisters() {
        // E11
        Machine machine = Machine.of(part(0, Map.of("register-pages", "one", "unknown-reset", "poison")));
        machine.open(0);
        machine.attach(0, DEVICE);
        machine.map(TABLE, IOVA, 0x900_0000L | 0xf43, 0x2100_0000L);
        assertEquals(Errno.OK, machine.bind(0, 0, Machine.pageTable(DEVICE, TABLE)), machine.last()::toString);
        assertEquals(-1, machine.read(DEVICE, -1, IOVA + 0x1000));
        assertEquals(1, machine.chip().readRegister(0xA8, 4));
        assertEquals(Cr0.SMMUEN.mask(), machine.chip().readRegister(Cr0.REGISTER.offset(), 4) & Cr0.SMMUEN.mask());
    }

    @ParameterizedTest
    @CsvSource({
        // S23: no guest has 128-bit descriptors here, so TTL128 is a reserved bit of it. S25: TTL 1 of 16K granules
        // without IDR5.DS.
        "0000000000001012, 0000000000010980",
        "0000000000000012, 0000000000010900"
    })
    void shouldRefuseHintsOfLevelsThatNoTableHas(String word0, String word1) {
        Machine machine = Machine.of(HardwareConfig.of(SmmuGeneration.V3_3));
        machine.open(0);
        machine.attach(0, DEVICE);
        machine.bind(0, 0, Machine.pageTable(DEVICE, TABLE));
        byte[] payload = SmmuCommand.TLBI_NH_VA
                .layout()
                .encode(Long.parseUnsignedLong(word0, 16), Long.parseUnsignedLong(word1, 16));
        assertEquals(Errno.EINVAL, machine.invalidate(0, 0, 0, 0, 0, payload));
        assertEquals(Rule.V34, machine.last().rule());
        assertEquals(0, machine.translator().finish(new Completion()));
    }
}
