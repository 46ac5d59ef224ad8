package org.iommu4j.amd.translate;

import static org.iommu4j.amd.SpecVectors.hex;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.iommu4j.amd.Machine;
import org.iommu4j.amd.SpecVectors;
import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.command.BindPgtable;
import org.iommu4j.amd.command.InvalidateIommuPages;
import org.iommu4j.amd.command.InvalidateIotlbPages;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Rule;
import org.iommu4j.contract.Uapi;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The raw payloads of docs/spec/amd-vi.md 5.6 and the payload vectors of section 8. The document's guest calls the device 0008, which
 * is 0310 here, since guests name devices as the host does.
 */
final class VendorPartTest {
    private static final int DOMAIN = 3;
    private static final int DEVICE = 0x310;
    private static final int GUEST_DEVICE = 0x8;
    private static final long TABLE = 0x10_0000L;

    /**
     * One payload.
     *
     * @param outcome words of the native command, or the name of an errno
     */
    record Row(String id, int subVersion, long word0, long word1, String outcome) {}

    static Stream<Row> payloads() {
        List<Row> rows = new ArrayList<>();
        for (List<String> cells : SpecVectors.rows("R")) {
            if (cells.size() > 4 && cells.get(0).matches("R\\d+")) {
                String[] words = cells.get(2).replace("`", "").split(" ", -1);
                rows.add(new Row(
                        cells.get(0),
                        Integer.decode(cells.get(1)),
                        hex(words[0]),
                        hex(words[1]),
                        cells.get(3).replaceAll("[`*]", "")));
            }
        }
        SpecVectors.of("pay").forEach(vector -> {
            String[] words = vector.columns().get(0).split(" ", -1);
            rows.add(new Row(vector.id(), Integer.decode(words[0]), hex(words[1]), hex(words[2]), vector.expected()));
        });
        assertEquals(28, rows.size());
        return rows.stream();
    }

    @ParameterizedTest
    @MethodSource("payloads")
    void shouldTakeOrRefuseThePayload(Row row) {
        Machine machine = machine(row.subVersion());
        machine.takeCommands();
        long word0 = row.word0();
        boolean deviceTlb = AmdViCommand.opcodeOf(word0) == AmdViCommand.OP_IOTLB_PAGES;
        if (deviceTlb && InvalidateIotlbPages.DEVICE_ID.getInt(word0) == GUEST_DEVICE) {
            word0 = InvalidateIotlbPages.DEVICE_ID.set(word0, DEVICE);
        }
        Completion completion = machine.submit(DOMAIN, request(row, word0));
        if (row.outcome().startsWith("E")) {
            assertEquals(row.outcome(), completion.errno().name(), completion::toString);
            assertEquals(List.of(), machine.takeCommands());
        } else {
            assertEquals(Errno.OK, completion.errno(), completion::toString);
            assertEquals(List.of(row.outcome()), words(machine.takeCommands(), machine));
        }
    }

    /** The generic part that agrees with the payload. */
    private static byte[] request(Row row, long word0) {
        boolean deviceTlb = AmdViCommand.opcodeOf(word0) == AmdViCommand.OP_IOTLB_PAGES;
        boolean pages = AmdViCommand.opcodeOf(word0) == AmdViCommand.OP_IOMMU_PAGES;
        boolean guest = (pages || deviceTlb)
                && InvalidateIommuPages.GN.isSet(row.word1())
                && row.subVersion() != AmdViGeneration.V1;
        int pasid = deviceTlb ? InvalidateIotlbPages.pasid(word0) : InvalidateIommuPages.PASID.getInt(word0);
        boolean all = row.word1() >>> 52 != 0 || row.word1() == 0;
        boolean leaf = !all && !deviceTlb && !InvalidateIommuPages.PDE.isSet(row.word1());
        return new RequestWriter(Abi.LP64_LE, IommuModel.AMD, row.subVersion())
                .invalidate(
                        (all ? 0 : Uapi.SCOPE_VADDR) | (guest ? Uapi.SCOPE_PASID : 0),
                        (guest ? 0 : Uapi.FLAGS_NO_PASID) | (leaf ? Uapi.FLAGS_VADDR_LEAF : 0),
                        guest ? pasid : 0,
                        all ? 0 : InvalidateIommuPages.ADDRESS.get(row.word1()),
                        all ? 0 : 0x1000,
                        InvalidateIommuPages.LAYOUT.encode(word0, row.word1()));
    }

    /** The document's host domain ids are 12, or 21 and 22 for two domains of the guest. */
    private static List<String> words(List<Machine.Words> commands, Machine machine) {
        return commands.stream()
                .map(words -> AmdViCommand.opcodeOf(words.low()) == AmdViCommand.OP_IOMMU_PAGES
                        ? new Machine.Words(
                                InvalidateIommuPages.DOMAIN_ID.set(words.low(), documented(machine, words.low())),
                                words.high())
                        : words)
                .map(Machine.Words::toString)
                .toList();
    }

    private static int documented(Machine machine, long word0) {
        Stage[] stages = ((AmdViTranslator) machine.translator()).stages(DOMAIN);
        if (stages.length == 1) {
            return 0x12;
        }
        return InvalidateIommuPages.DOMAIN_ID.getInt(word0) == stages[0].domainId() ? 0x21 : 0x22;
    }

    private static Machine machine(int subVersion) {
        Machine machine = Machine.of(subVersion);
        machine.open(DOMAIN);
        machine.attach(DOMAIN, DEVICE);
        int flags = (int) BindPgtable.FLAG_DEVICE_TLB.mask();
        if (subVersion != AmdViGeneration.NESTED) {
            assertEquals(Errno.OK, machine.bindTable(DOMAIN, DEVICE, TABLE, 4, 0, flags));
            if (subVersion != AmdViGeneration.V1) {
                assertEquals(Errno.OK, machine.bindPasid(DOMAIN, DEVICE, 0x345, 0x3000, 0));
            }
            return machine;
        }
        assertEquals(Errno.OK, machine.bindTable(DOMAIN, DEVICE, TABLE, 4, 5, flags));
        assertEquals(Errno.OK, machine.bindPasidTable(DOMAIN, DEVICE, 0x3000, 1, true, 5, 0));
        machine.attach(DOMAIN, 0x400);
        assertEquals(Errno.OK, machine.bindTable(DOMAIN, 0x400, TABLE, 4, 6, 0));
        assertEquals(Errno.OK, machine.bindPasidTable(DOMAIN, 0x400, 0x5000, 1, true, 6, 0));
        return machine;
    }

    @Test
    void shouldRefuseContradictions() {
        Machine machine = machine(AmdViGeneration.V2);
        long word0 = InvalidateIommuPages.word0(0, -1);
        RequestWriter writer = new RequestWriter(Abi.LP64_LE, IommuModel.AMD, AmdViGeneration.V2);
        long[][] wrong = {
            {word0, InvalidateIommuPages.word1(-1, 0x5000, 12, true), 0x4000, 0x1000},
            {word0, InvalidateIommuPages.word1(-1, 0x4000, 13, true), 0x4000, 0x1000},
            {word0, InvalidateIommuPages.word1(-1, 0x4000, 12, false), 0x4000, 0x1000},
            {InvalidateIommuPages.word0(0, 0x345), InvalidateIommuPages.word1(0x345, 0x4000, 12, true), 0x4000, 0x1000},
        };
        for (long[] row : wrong) {
            Completion completion = machine.submit(
                    DOMAIN,
                    writer.invalidate(
                            Uapi.SCOPE_VADDR,
                            Uapi.FLAGS_NO_PASID,
                            0,
                            row[2],
                            row[3],
                            InvalidateIommuPages.LAYOUT.encode(row[0], row[1])));
            assertEquals(Errno.EINVAL, completion.errno());
            assertEquals(Rule.V35, completion.rule());
        }
    }
}
