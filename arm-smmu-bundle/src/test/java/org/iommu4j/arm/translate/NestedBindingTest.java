package org.iommu4j.arm.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.iommu4j.arm.Machine;
import org.iommu4j.arm.command.BindPageTable;
import org.iommu4j.arm.command.SmmuCommand;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** BIND_PGTABLE with both stages of a guest: its context descriptors above its own stage-2 table. */
class NestedBindingTest {
    private static final int DEVICE = 0x1A8;

    /** Bit 19 of a bind's flags: both stages. */
    private static final int NESTED = 1 << 19;

    /** Stage 2 leads from here so far up. */
    private static final long SHIFT = 0x1_0000_0000L;

    private static final long STAGE_2_TABLE = 0x4000_0000L;
    private static final long POOL = 0x4100_0000L;

    /** Valid leaves: of stage 2 with read and write; of stage 1, of one ASID. */
    private static final long OF_STAGE_2 = 0x7ff;

    private static final long OF_STAGE_1 = 0xf43;

    /** Intermediate addresses. */
    private static final long CONTEXT = 0x20_0000;

    private static final long LEVEL_0 = 0x20_1000;
    private static final long LEVEL_3 = 0x20_4000;
    private static final long TARGET = 0x20_8000;

    private static final long IOVA = 0x7000;

    /** T0SZ 16, output size 5, start level 2. */
    private static final long WALK = 0x0002_5010L;

    private final Machine machine = Machine.of(new HardwareConfig(
            SmmuGeneration.V3_2, Map.of("idr", Map.of("STALL_MODEL", 0L)), Map.of(), CacheConfig.WORST_CASE, Map.of()));

    private static byte[] payload(long contexts) {
        return BindPageTable.LAYOUT.encode(STAGE_2_TABLE, WALK << 32 | DEVICE, contexts);
    }

    @BeforeEach
    void shouldBuildBothStages() {
        machine.open(0);
        machine.attach(0, DEVICE);
        for (long ipa = CONTEXT; ipa <= TARGET; ipa += 0x1000) {
            machine.map(STAGE_2_TABLE, ipa, (ipa + SHIFT) | OF_STAGE_2, POOL);
        }
        // 48 bits in 4 KiB granules, EPD1, V, IPS 5, AA64, R, A, ASET, ASID 7.
        machine.store(CONTEXT + SHIFT, 0x0007_e205_c000_3510L, LEVEL_0);
        for (long table = LEVEL_0; table < LEVEL_3; table += 0x1000) {
            machine.store(table + SHIFT, (table + 0x1000) | 3);
        }
        machine.store(LEVEL_3 + SHIFT + 7 * 8, TARGET | OF_STAGE_1);
    }

    private void bind() {
        assertEquals(Errno.OK, machine.bind(0, NESTED, payload(CONTEXT)), machine.last()::toString);
        assertEquals(TARGET + SHIFT + 0xabc, machine.read(DEVICE, -1, IOVA + 0xabc));
        machine.takeCommands();
    }

    private Errno raw(SmmuCommand command, long fields, long word1) {
        return machine.invalidate(0, 0, 0, 0, 0, command.layout().encode(command.word() | fields, word1));
    }

    @Test
    void shouldTranslateThroughBothStagesAndGoOnAfterASwap() {
        bind();
        machine.swap();
        assertEquals(TARGET + SHIFT, machine.read(DEVICE, -1, IOVA));
        assertEquals(-1, machine.read(DEVICE, -1, IOVA + 0x1000));
        assertEquals(Errno.OK, machine.bind(0, NESTED | Uapi.BIND_FLAG_UNBIND, payload(CONTEXT)));
        assertTrue(machine.takeCommands().contains("0000000100000028 0000000000000000"));
        assertEquals(-1, machine.read(DEVICE, -1, IOVA));
    }

    @Test
    void shouldDropByAddressesOfStage1() {
        bind();
        machine.store(LEVEL_3 + SHIFT + 7 * 8, 0);
        assertEquals(Errno.OK, machine.invalidate(0, Uapi.SCOPE_VADDR, 0, IOVA, 0x1000));
        assertEquals(Fidelity.EXACT, machine.last().fidelity());
        assertEquals("0000000100000013 0000000000007000", machine.takeCommands().get(0));
        assertEquals(-1, machine.read(DEVICE, -1, IOVA));
    }

    @Test
    void shouldDropAllOfTheVmForAnAddressSpaceThatItCannotLookUp() {
        bind();
        machine.store(LEVEL_3 + SHIFT + 7 * 8, 0);
        assertEquals(Errno.OK, machine.invalidate(0, 0, Uapi.FLAGS_NO_PASID, 0, 0));
        assertEquals(Fidelity.WIDENED, machine.last().fidelity());
        assertEquals(-1, machine.read(DEVICE, -1, IOVA));
    }

    @Test
    void shouldDropStage2ByAllOrByTheGuestsOwnCommand() {
        bind();
        machine.map(STAGE_2_TABLE, TARGET, 0, POOL);
        assertEquals(Errno.OK, machine.invalidate(0, 0, 0, 0, 0));
        assertEquals("0000000100000028 0000000000000000", machine.takeCommands().get(0));
        assertEquals(-1, machine.read(DEVICE, -1, IOVA));
        machine.map(STAGE_2_TABLE, TARGET, (TARGET + SHIFT) | OF_STAGE_2, POOL);
        assertEquals(TARGET + SHIFT, machine.read(DEVICE, -1, IOVA));
        machine.map(STAGE_2_TABLE, TARGET, 0, POOL);
        // The guest's VMID is 9; the host's is 1.
        assertEquals(Errno.OK, raw(SmmuCommand.TLBI_S2_IPA, 9L << 32, TARGET | 1));
        assertEquals(Errno.OK, raw(SmmuCommand.TLBI_NH_ALL, 9L << 32, 0));
        List<String> commands = machine.takeCommands();
        assertTrue(commands.contains("000000010000002a 0000000000208001"), commands::toString);
        assertTrue(commands.contains("0000000100000010 0000000000000000"), commands::toString);
        assertEquals(-1, machine.read(DEVICE, -1, IOVA));
        assertEquals(Errno.OK, raw(SmmuCommand.TLBI_NSNH_ALL, 0, 0));
        assertTrue(machine.takeCommands().contains("0000000100000028 0000000000000000"));
    }

    @Test
    void shouldRefuseCommandsOfStage2ThatReachBeyondTheRequestOrThatNoTableIsFor() {
        assertEquals(Errno.EPERM, raw(SmmuCommand.TLBI_S2_IPA, 0, TARGET));
        assertEquals(Rule.V36, machine.last().rule());
        bind();
        byte[] all = SmmuCommand.TLBI_S12_VMALL.layout().encode(SmmuCommand.TLBI_S12_VMALL.word(), 0);
        assertEquals(Errno.EINVAL, machine.invalidate(0, Uapi.SCOPE_VADDR, 0, IOVA, 0x1000, all));
        assertEquals(Rule.V35, machine.last().rule());
    }

    @ParameterizedTest
    @CsvSource({
        // Both kinds at once; a reserved format; a reserved code without PASID; a reserved bit.
        "0xc0000, 0x200000, V35, EINVAL",
        "0x80000, 0x200030, V34, EINVAL",
        "0x80000, 0x0030000000200000, V34, EINVAL",
        "0x80000, 0x200001, V34, EINVAL",
        // More PASIDs than the chip has; context descriptors beyond the intermediate addresses.
        "0x80000, 0xf800000000200000, V34, EOPNOTSUPP",
        "0x80000, 0x0008000000000000, V34, EOPNOTSUPP"
    })
    void shouldRefuseContextsThatAreNone(String flags, String contexts, Rule rule, Errno errno) {
        assertEquals(
                errno,
                machine.bind(0, Integer.decode(flags), payload(Long.parseUnsignedLong(contexts.substring(2), 16))));
        assertEquals(rule, machine.last().rule());
        assertEquals(-1, machine.read(DEVICE, -1, IOVA));
    }

    @Test
    void shouldRefuseBothStagesAboveTheMemoryOfTheContainer() {
        assertEquals(0, machine.translator().beginMap(0, new Completion()));
        assertEquals(Errno.EOPNOTSUPP, machine.bind(0, NESTED, payload(CONTEXT)));
        assertEquals(Rule.V34, machine.last().rule());
    }

    @Test
    void shouldReadNoContextDescriptorOfTheHost() {
        // A context descriptor that the host has made for another device.
        int other = DEVICE + 1;
        machine.open(1);
        machine.attach(1, other);
        machine.map(0x5000_0000L, IOVA, 0x900_0000L | OF_STAGE_1, 0x5100_0000L);
        assertEquals(Errno.OK, machine.bind(1, 0, Machine.pageTable(other, 0x5000_0000L)));
        assertEquals(0x900_0000L, machine.read(other, -1, IOVA));
        long ofHost = machine.platform().allocatePages(1) - 0x1000;
        assertEquals(0x5000_0000L, machine.memory().readLongLe(ofHost + 8), "the context descriptor of the host");
        machine.map(STAGE_2_TABLE, CONTEXT, ofHost | OF_STAGE_2, POOL);
        assertEquals(Errno.OK, machine.bind(0, NESTED, payload(CONTEXT)));
        assertEquals(-1, machine.read(DEVICE, -1, IOVA));
    }
}
