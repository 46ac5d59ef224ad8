package org.iommu4j.arm.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.iommu4j.arm.Machine;
import org.iommu4j.arm.command.BindPasidTable;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.Fidelity;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.iommu4j.testing.GeneratedDocs;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The worked requests of docs/spec/arm-smmu.md 5.7, bit exact as the chip gets them. */
class SmmuTranslatorGoldenTest {
    private static final int DEVICE = 0x1A8;
    private static final int DOMAIN = 3;
    private static final int VMID = 0x2A;
    private static final long CONTEXTS = 0x2000_0000L;
    private static final Pattern HEADING = Pattern.compile("\\| \\*\\*(M\\d+[Lb]?)\\*\\* .*");
    private static final Pattern COMMAND =
            Pattern.compile("\\| \\d+ \\| .* \\| `([0-9a-f]{16})` \\| `([0-9a-f]{16})` \\| `.*` \\|");
    private static final Map<String, List<String>> WORKED = new LinkedHashMap<>();

    @BeforeAll
    static void readTheDocument() throws IOException {
        Path document = GeneratedDocs.root().resolve("docs").resolve("spec").resolve("arm-smmu.md");
        List<String> commands = null;
        for (String line : Files.readAllLines(document)) {
            Matcher heading = HEADING.matcher(line);
            Matcher command = COMMAND.matcher(line);
            if (heading.matches()) {
                commands = new ArrayList<>();
                WORKED.put(heading.group(1), commands);
            } else if (commands != null && command.matches()) {
                commands.add(command.group(1) + " " + command.group(2));
            }
        }
        assertEquals(23, WORKED.size());
    }

    private static long context(int asid, int granule) {
        return 0x0000e205b5903510L | (long) asid << 48 | (long) granule << 6;
    }

    /** A machine on which the device is bound with VMID 0x2A: PASID 0 has ASID 1, PASID 5 has ASID 7. */
    private static Machine machine(int subVersion, int noPasid, int granule) {
        Machine machine = Machine.of(HardwareConfig.of(subVersion));
        machine.open(0);
        for (int other = 1; other < VMID; other++) {
            machine.attach(0, other);
            assertEquals(
                    Errno.OK,
                    machine.bindContexts(0, other, 0x3000_0000L + ((long) other << 12), 0, 0, 0),
                    machine.last()::toString);
        }
        machine.store(CONTEXTS, context(1, granule), 0x40000000L);
        machine.store(CONTEXTS + 5 * 64, context(7, granule), 0x40000000L);
        machine.open(DOMAIN);
        machine.attach(DOMAIN, DEVICE);
        boolean ats = subVersion != SmmuGeneration.V3_0;
        int flags = ats ? (int) BindPasidTable.FLAG_DEVICE_TLB.mask() : 0;
        assertEquals(
                Errno.OK,
                machine.bindContexts(DOMAIN, DEVICE, CONTEXTS, ats ? 4 : 0, noPasid, flags),
                machine.last()::toString);
        machine.takeHex();
        return machine;
    }

    @ParameterizedTest
    @CsvSource({
        "M1, 0, 0, 0, 0, 0, 2, 0",
        "M2, 1, 0, 5, 0, 0, 2, 0",
        "M3, 1, 0, 0, 0, 0, 2, 0",
        "M4, 1, 0, 0, 0, 0, 1, 0",
        "M5, 0, 1, 0, 0, 0, 2, 0",
        "M6, 3, 2, 5, 0x10000, 0x1000, 2, 0",
        "M8, 3, 0, 5, 0x10000, 0x21000, 2, 0",
        "M9, 3, 0, 5, 0x40000000, 0x200000, 2, 0",
        "M10, 3, 0, 5, 0x40000000, 0x12345000, 2, 0",
        "M12, 2, 1, 0, 0x8000, 0x4000, 2, 0",
        "M16, 3, 0, 5, 0, 0x1000000000000, 2, 0",
        "M17, 3, 2, 5, 0x30000, 0x30000, 2, 1",
        "M18, 3, 0, 5, 0x4000, 0x84000, 2, 2",
        "M19, 3, 2, 5, 0xffff000000010000, 0x2000, 2, 0",
        "M20, 3, 2, 5, 0x10000, 0x2000, 2, 0"
    })
    void shouldWriteTheWorkedCommands(
            String name, int scope, int flags, int pasid, String vaddr, String size, int noPasid, int granule) {
        Machine machine = machine(SmmuGeneration.V3_2, noPasid, granule);
        invalidate(machine, scope, flags, pasid, number(vaddr), number(size));
        assertEquals("OK EXACT", machine.last().errno() + " " + machine.last().fidelity(), machine.last()::toString);
        assertEquals(WORKED.get(name), machine.takeCommands());
    }

    private static long number(String text) {
        return text.startsWith("0x") ? HexFormat.fromHexDigitsToLong(text.substring(2)) : Long.parseLong(text);
    }

    private static void invalidate(Machine machine, int scope, int flags, int pasid, long vaddr, long size) {
        machine.submit(
                DOMAIN,
                new RequestWriter(
                                Abi.LP64_LE,
                                IommuModel.ARM_SMMU,
                                machine.config().subVersion())
                        .invalidate(scope, flags, pasid, vaddr, size, new byte[0]));
    }

    @Test
    void shouldNameEachGranuleOfTheChipForARangeOfAllPasids() {
        // M11, but for a guest whose context descriptors may have any granule.
        Machine machine = machine(SmmuGeneration.V3_2, 2, 0);
        invalidate(machine, Uapi.SCOPE_VADDR, Uapi.FLAGS_VADDR_LEAF, 0, 0x7000, 0x4000);
        assertEquals(Fidelity.EXACT, machine.last().fidelity());
        List<String> commands = machine.takeCommands();
        assertEquals(WORKED.get("M11").get(0), commands.get(0));
        assertEquals("0000002a00100013 0000000000004801", commands.get(1));
        assertEquals("0000002a00000013 0000000000000001", commands.get(2));
    }

    @Test
    void shouldDropTheVmWhereTheChipHasNoRanges() {
        // M13 and M14
        Machine machine = machine(SmmuGeneration.V3_1, 2, 0);
        invalidate(machine, Uapi.SCOPE_VADDR, Uapi.FLAGS_VADDR_LEAF, 0, 0x7000, 0x4000);
        assertEquals(Fidelity.EXACT, machine.last().fidelity());
        assertEquals(WORKED.get("M13"), machine.takeCommands());
        invalidate(machine, 3, 0, 5, 0x40000000L, 0x200000);
        assertEquals(Fidelity.WIDENED, machine.last().fidelity());
        assertEquals(WORKED.get("M14"), machine.takeCommands());
    }

    /** Of MMU-700, E3 of docs/spec/arm-smmu.md 7. */
    @ParameterizedTest
    @CsvSource({"0x4870043b, 63", "0x4832043b, 100", "0, 100"})
    void shouldCompleteALongBatchWhereAPartCannotTakeIt(long iidr, int expected) {
        Machine machine = Machine.of(
                new HardwareConfig(SmmuGeneration.V3_1, Map.of(), Map.of("IIDR", iidr), CacheConfig.DEFAULT, Map.of()));
        machine.open(DOMAIN);
        machine.attach(DOMAIN, DEVICE);
        machine.store(CONTEXTS, context(1, 0), 0x40000000L);
        assertEquals(Errno.OK, machine.bindContexts(DOMAIN, DEVICE, CONTEXTS, 0, 0, 0));
        machine.takeHex();
        invalidate(machine, Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0, 0x40000000L, 100 * 0x1000);
        List<String> commands = machine.takeCommands();
        assertEquals(expected, commands.indexOf("0000000000000046 0000000000000000"));
        assertEquals(
                100,
                commands.stream()
                        .filter(command -> command.startsWith("00010001"))
                        .count());
    }

    /** The generic part names PASID 5, four pages from 0x40000000. */
    @ParameterizedTest
    @CsvSource({
        "0005000000003012, 0000000040000400, OK",
        "0005000000004012, 0000000040000400, EINVAL",
        "0005000000103012, 0000000040000400, EINVAL",
        "0005000000000012, 0000000040003000, OK",
        "0005000000000012, 0000000040004000, EINVAL",
        "0005000000000012, 000000003ffff000, EINVAL",
        "0005000000000011, 0000000000000000, EINVAL"
    })
    void shouldRefuseARawCommandThatDropsMoreThanTheGenericPartNames(String word0, String word1, Errno expected) {
        Machine machine = machine(SmmuGeneration.V3_2, 2, 0);
        byte[] payload = HexFormat.of()
                .parseHex(HexFormat.of().toHexDigits(Long.reverseBytes(HexFormat.fromHexDigitsToLong(word0)))
                        + HexFormat.of().toHexDigits(Long.reverseBytes(HexFormat.fromHexDigitsToLong(word1))));
        machine.submit(
                DOMAIN,
                new RequestWriter(
                                Abi.LP64_LE,
                                IommuModel.ARM_SMMU,
                                machine.config().subVersion())
                        .invalidate(Uapi.SCOPE_PASID | Uapi.SCOPE_VADDR, 0, 5, 0x4000_0000L, 0x4000, payload));
        assertEquals(expected, machine.last().errno(), machine.last()::toString);
    }

    @ParameterizedTest
    @CsvSource({
        // R1 to R3, R5 to R10 of docs/spec/arm-smmu.md 5.6, with the contract's own errnos
        "0007ffff00000012, 0000000000010001, 0007002a00000012 0000000000010001",
        "0000000000000030, 0000000000000000, 0000002a00000010 0000000000000000",
        "000001a800005840, 0000000000000034, 000001a800005840 0000000000000034",
        "000001a800005005, 0000000000000001, 000001a800005005 0000000000000001",
        "0000000900000840, 0000000000000034, ENODEV",
        "0000000300000003, 0000000000000001, EPERM",
        "0000000000000046, 0000000000000000, EPERM",
        "0007000000000012, 0000000000010400, EINVAL",
        "000000000000002a, 0000000080000000, EPERM",
        "000001a800005405, 0000000000000001, EINVAL",
        "00000000000000fe, 0000000000000000, EINVAL"
    })
    void shouldTakeRawCommandsOfTheGuestAndNoOthers(String word0, String word1, String expected) {
        Machine machine = machine(SmmuGeneration.V3_2, 2, 0);
        byte[] payload = new byte[16];
        long[] words = {HexFormat.fromHexDigitsToLong(word0), HexFormat.fromHexDigitsToLong(word1)};
        for (int i = 0; i < payload.length; i++) {
            payload[i] = (byte) (words[i / 8] >>> (8 * (i % 8)));
        }
        machine.invalidate(DOMAIN, 0, 0, 0, 0, payload);
        List<String> commands = machine.takeCommands();
        if (expected.contains(" ")) {
            assertEquals(Errno.OK, machine.last().errno(), machine.last()::toString);
            assertEquals(List.of(expected, "0000000000000046 0000000000000000"), commands);
        } else {
            assertEquals(expected, machine.last().errno().name(), machine.last()::toString);
            assertTrue(commands.isEmpty());
        }
    }

    @Test
    void shouldTranslateForABoundStreamAndBlockItAfterwards() {
        Machine machine = machine(SmmuGeneration.V3_3, 2, 0);
        machine.map(0x40000000L, 0x1234567000L, 0x87654f47L, 0x41000000L);
        assertEquals(0x87654abcL, machine.read(DEVICE, 5, 0x1234567abcL));
        assertEquals(0x87654abcL, machine.read(DEVICE, DmaAccess.NO_PASID, 0x1234567abcL));
        machine.map(0x40000000L, 0x1234567000L, 0x99999f47L, 0x41000000L);
        invalidate(machine, 3, 0, 5, 0x1234567000L, 0x1000);
        assertEquals(0x99999abcL, machine.read(DEVICE, 5, 0x1234567abcL));
        assertEquals(Errno.OK, machine.detach(DOMAIN, DEVICE));
        assertEquals(-1, machine.read(DEVICE, 5, 0x1234567abcL));
        assertEquals(List.of(), machine.takeEvents());
    }

    @Test
    void shouldTranslateThroughAStage1TableWithAContextDescriptorOfTheHost() {
        Machine machine = Machine.of(SmmuGeneration.V3_3);
        machine.open(DOMAIN);
        machine.attach(DOMAIN, DEVICE);
        machine.map(0x40000000L, 0x1234567000L, 0x87654f47L, 0x41000000L);
        byte[] payload = Machine.pageTable(DEVICE, 0x40000000L);
        assertEquals(Errno.OK, machine.bind(DOMAIN, Uapi.BIND_PGTABLE, 0, payload), machine.last()::toString);
        assertEquals(0x87654abcL, machine.read(DEVICE, DmaAccess.NO_PASID, 0x1234567abcL));
        machine.swap();
        assertEquals(0x87654abcL, machine.read(DEVICE, DmaAccess.NO_PASID, 0x1234567abcL));
        assertEquals(Errno.OK, machine.bind(DOMAIN, Uapi.BIND_PGTABLE, Uapi.BIND_FLAG_UNBIND, payload));
        assertEquals(-1, machine.read(DEVICE, DmaAccess.NO_PASID, 0x1234567abcL));
        assertEquals(Errno.OK, machine.close(DOMAIN));
    }

    @ParameterizedTest
    @CsvSource({"4", "3", "2"})
    void shouldTranslateThroughAStage2TableOfSoManyLevels(int levels) {
        Machine machine = Machine.of(SmmuGeneration.V3_3);
        machine.open(DOMAIN);
        machine.map(0x40000000L, 0x1000, 0x87654000L | 0x7ff, 0x41000000L);
        long root = 0x40000000L;
        for (int level = 4; level > levels; level--) {
            root = machine.memory().readLongLe(root) & ~0xfffL;
        }
        assertEquals(Errno.OK, machine.attach(DOMAIN, DEVICE, root, levels), machine.last()::toString);
        assertEquals(0x87654abcL, machine.read(DEVICE, DmaAccess.NO_PASID, 0x1abcL));
        invalidate(machine, Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0, 0x1000, 0x1000);
        assertEquals(Fidelity.EXACT, machine.last().fidelity());
    }

    @Test
    void shouldReportAnAtcInvalidationThatNoDeviceCompletes() {
        // V48
        boolean[] answers = {true};
        Machine machine =
                Machine.of(HardwareConfig.of(SmmuGeneration.V3_3), (requester, pasid, iova, length) -> answers[0]);
        machine.open(DOMAIN);
        machine.attach(DOMAIN, DEVICE);
        machine.store(CONTEXTS, context(1, 0), 0x40000000L);
        int flags = (int) BindPasidTable.FLAG_DEVICE_TLB.mask();
        assertEquals(Errno.OK, machine.bindContexts(DOMAIN, DEVICE, CONTEXTS, 0, 0, flags));
        answers[0] = false;
        assertEquals(Errno.EIO, machine.invalidate(DOMAIN, 0, 0, 0, 0));
        answers[0] = true;
        assertEquals(Errno.OK, machine.invalidate(DOMAIN, 0, 0, 0, 0));
    }
}
