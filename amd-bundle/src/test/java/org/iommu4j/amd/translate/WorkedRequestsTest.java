package org.iommu4j.amd.translate;

import static org.iommu4j.amd.SpecVectors.hex;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.iommu4j.amd.Machine;
import org.iommu4j.amd.SpecVectors;
import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.AmdViGeneration;
import org.iommu4j.amd.command.InvalidateIommuPages;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The worked requests of docs/spec/amd-vi.md 5.6 on settings that a driver can have: those with a covering policy, with other
 * queues of devices or with the other form of "all" are left out.
 */
final class WorkedRequestsTest {
    private static final int DOMAIN = 3;
    private static final int DEVICE = 0x310;
    private static final long TABLE = 0x10_0000L;
    private static final Set<String> SETTINGS = Set.of("A", "A0", "AN", "B", "B0", "BW", "C");

    private static final Pattern REQUEST = Pattern.compile("setting (\\w+): scope ([\\w+]+), flags ([\\w+]+)"
            + "(?:, pasid (\\w+))?(?:, (\\w+)\\+(\\w+))?(?: \\(.*\\))?: \\*\\*(\\w+)\\*\\*");

    /**
     * One request.
     *
     * @param text as the document words it
     * @param commands words of its commands
     */
    record Row(String id, String text, List<String> commands) {
        @Override
        public String toString() {
            return id + " " + text;
        }
    }

    static Stream<Row> requests() {
        Map<String, Row> rows = new LinkedHashMap<>();
        for (List<String> cells : SpecVectors.rows("M")) {
            if (cells.size() < 4 || !cells.get(0).matches("M\\d+(\\.\\d+)?")) {
                continue;
            }
            String id = cells.get(0).replaceAll("\\..*", "");
            rows.computeIfAbsent(id, key -> new Row(key, cells.get(1), new ArrayList<>()));
            if (cells.get(3).startsWith("`") && !cells.get(2).startsWith("COMPLETION_WAIT")) {
                rows.get(id).commands().add(cells.get(3).replace("`", ""));
            }
        }
        return rows.values().stream().filter(row -> {
            Matcher request = REQUEST.matcher(row.text());
            assertTrue(request.matches(), row::text);
            return SETTINGS.contains(request.group(1));
        });
    }

    @ParameterizedTest
    @MethodSource("requests")
    void shouldComeToTheCommandsOfTheSpecification(Row row) {
        Matcher request = REQUEST.matcher(row.text());
        assertTrue(request.matches());
        Machine machine = machine(request.group(1));
        machine.takeCommands();
        int scope = flags(request.group(2), Map.of("PASID", Uapi.SCOPE_PASID, "VADDR", Uapi.SCOPE_VADDR));
        int flags = flags(request.group(3), Map.of("NO_PASID", Uapi.FLAGS_NO_PASID, "LEAF", Uapi.FLAGS_VADDR_LEAF));
        byte[] bytes = new RequestWriter(
                        Abi.LP64_LE, IommuModel.AMD, machine.config().subVersion())
                .invalidate(
                        scope,
                        flags,
                        request.group(4) == null ? 0 : (int) hex(request.group(4)),
                        request.group(5) == null ? 0 : hex(request.group(5)),
                        request.group(6) == null ? 0 : hex(request.group(6)),
                        new byte[0]);
        Completion completion = machine.submit(DOMAIN, bytes);
        String result = completion.errno() == Errno.OK
                ? completion.fidelity().name()
                : completion.errno().name();
        assertEquals(request.group(7), result, completion::toString);
        assertEquals(row.commands(), words(machine.takeCommands()));
    }

    private static int flags(String names, Map<String, Integer> known) {
        if (names.startsWith("0x")) {
            return Integer.decode(names);
        }
        int flags = 0;
        for (String name : names.split("\\+", -1)) {
            flags |= known.getOrDefault(name, 0);
        }
        return flags;
    }

    /** The document's host domain id is 12. */
    private static List<String> words(List<Machine.Words> commands) {
        return commands.stream()
                .map(words -> AmdViCommand.opcodeOf(words.low()) == AmdViCommand.OP_IOMMU_PAGES
                        ? new Machine.Words(InvalidateIommuPages.DOMAIN_ID.set(words.low(), 0x12), words.high())
                        : words)
                .map(Machine.Words::toString)
                .toList();
    }

    private static Machine machine(String setting) {
        Map<String, Map<String, Long>> fields = new HashMap<>();
        if (setting.equals("AN")) {
            fields.put("cap", Map.of("NpCache", 1L));
        }
        if (setting.equals("BW")) {
            fields.put("efr", Map.of("PASmax", 19L, "GLXSup", 2L));
        }
        Machine machine =
                Machine.of(new HardwareConfig(AmdViGeneration.V3, fields, Map.of(), CacheConfig.DEFAULT, Map.of()));
        boolean deviceTlb = !setting.endsWith("0");
        machine.open(DOMAIN);
        machine.attach(DOMAIN, DEVICE);
        boolean giov = setting.equals("C");
        // Where requests without PASID have PASID 0 there is no host table; pass-through carries the device's TLB.
        assertEquals(Errno.OK, machine.bindTable(DOMAIN, DEVICE, giov ? 0 : TABLE, giov ? 0 : 4, deviceTlb));
        if (giov) {
            assertEquals(Errno.OK, machine.bindPasidTable(DOMAIN, DEVICE, 0x20_0000L, 1, true, 0, 0));
            Stage stage = stage(machine);
            assertEquals(0, stage.pasids().length);
            stage.pasids(new int[] {0x345}, false);
            return machine;
        }
        int[] pasids = switch (setting) {
            case "B" -> new int[] {0x345, 0x346};
            case "B0" -> new int[] {0x345};
            case "BW" -> new int[] {0xabcde};
            default -> new int[0];
        };
        for (int pasid : pasids) {
            assertEquals(Errno.OK, machine.bindPasid(DOMAIN, DEVICE, pasid, 0x3000, 0));
        }
        return machine;
    }

    private static Stage stage(Machine machine) {
        return ((AmdViTranslator) machine.translator()).stages(DOMAIN)[0];
    }
}
