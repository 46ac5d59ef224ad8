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
import org.iommu4j.amd.command.BindPgtable;
import org.iommu4j.amd.command.InvalidateIommuPages;
import org.iommu4j.amd.command.InvalidateIotlbPages;
import org.iommu4j.amd.command.SizeEncoding;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.Completion;
import org.iommu4j.contract.Errno;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.contract.RequestWriter;
import org.iommu4j.contract.Uapi;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The worked requests of docs/spec/amd-vi.md 5.6. Settings A and its like have a host table, B and C guest tables above pass-through,
 * V guest tables above a host table at 0x0320. What a driver of this release has no choice of is asked for by the guest's own
 * commands: one covering block (AC, BC) and the other form of "everything" (AS).
 */
final class WorkedRequestsTest {
    private static final int DOMAIN = 3;
    private static final int DEVICE = 0x310;
    private static final int SECOND_DEVICE = 0x400;
    private static final int THIRD_DEVICE = 0x18;
    private static final long TABLE = 0x10_0000L;
    private static final long GCR3 = 0x20_0000L;
    private static final Set<String> BY_COMMANDS = Set.of("AC", "AS", "BC");
    private static final int[] NONE = {};

    private static final Pattern REQUEST = Pattern.compile("setting (\\w+): scope ([\\w+]+), flags ([\\w+]+)"
            + "(?:, pasid (\\w+))?(?:, (\\w+)\\+(\\w+))?(?: \\(.*\\))?: \\*\\*(\\w+)\\*\\*");

    /**
     * One request.
     *
     * @param text as the document words it
     * @param commands words of its commands
     */
    record Row(String id, String text, List<Machine.Words> commands) {
        Matcher request() {
            Matcher matcher = REQUEST.matcher(text);
            assertTrue(matcher.matches(), text);
            return matcher;
        }

        @Override
        public String toString() {
            return id + " " + text;
        }
    }

    static List<Row> requests() {
        Map<String, Row> rows = new LinkedHashMap<>();
        for (List<String> cells : SpecVectors.rows("M")) {
            if (cells.size() < 4 || !cells.get(0).matches("M\\d+(\\.\\d+)?")) {
                continue;
            }
            String id = cells.get(0).replaceAll("\\..*", "");
            rows.computeIfAbsent(id, key -> new Row(key, cells.get(1), new ArrayList<>()));
            if (cells.get(3).startsWith("`") && !cells.get(2).startsWith("COMPLETION_WAIT")) {
                String[] words = cells.get(3).replace("`", "").split(" ", -1);
                rows.get(id).commands().add(new Machine.Words(hex(words[0]), hex(words[1])));
            }
        }
        assertEquals(61, rows.size());
        return List.copyOf(rows.values());
    }

    static Stream<Row> generic() {
        return requests().stream()
                .filter(row -> !BY_COMMANDS.contains(row.request().group(1)));
    }

    static Stream<Row> byCommands() {
        return requests().stream()
                .filter(row -> BY_COMMANDS.contains(row.request().group(1)));
    }

    @ParameterizedTest
    @MethodSource("generic")
    void shouldComeToTheCommandsOfTheSpecification(Row row) {
        String setting = row.request().group(1);
        Machine machine = machine(setting);
        machine.takeCommands();
        Completion completion = machine.submit(DOMAIN, request(row, machine, new byte[0]));
        assertEquals(row.request().group(7), result(completion), completion::toString);
        assertEquals(
                row.commands().stream()
                        .map(WorkedRequestsTest::withQueueOfDriver)
                        .toList(),
                documented(setting, machine));
    }

    /** Each command of the row as the guest sends it: it comes to itself, with what is the host's filled in. */
    @ParameterizedTest
    @MethodSource("byCommands")
    void shouldComeToTheCommandOfTheSpecificationIfTheGuestSendsIt(Row row) {
        String setting = row.request().group(1);
        Machine machine = machine(setting);
        for (Machine.Words command : row.commands()) {
            machine.takeCommands();
            byte[] payload = InvalidateIommuPages.LAYOUT.encode(withoutHost(command.low()), command.high());
            Completion completion = machine.submit(DOMAIN, request(row, machine, payload));
            assertEquals(row.request().group(7), result(completion), completion::toString);
            long form = InvalidateIommuPages.ADDRESS.get(command.high()) == SizeEncoding.ALL_OF_SPECIFICATION
                    ? InvalidateIommuPages.ADDRESS.set(command.high(), SizeEncoding.ALL_OF_DRIVERS)
                    : command.high();
            assertEquals(List.of(new Machine.Words(command.low(), form)), documented(setting, machine));
        }
    }

    private static String result(Completion completion) {
        return completion.errno() == Errno.OK
                ? completion.fidelity().name()
                : completion.errno().name();
    }

    private static byte[] request(Row row, Machine machine, byte[] payload) {
        Matcher request = row.request();
        int scope = flags(request.group(2), Map.of("PASID", Uapi.SCOPE_PASID, "VADDR", Uapi.SCOPE_VADDR));
        int flags = flags(request.group(3), Map.of("NO_PASID", Uapi.FLAGS_NO_PASID, "LEAF", Uapi.FLAGS_VADDR_LEAF));
        return new RequestWriter(Abi.LP64_LE, IommuModel.AMD, machine.config().subVersion())
                .invalidate(
                        scope,
                        flags,
                        request.group(4) == null ? 0 : (int) hex(request.group(4)),
                        request.group(5) == null ? 0 : hex(request.group(5)),
                        request.group(6) == null ? 0 : hex(request.group(6)),
                        payload);
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

    private static boolean ofPages(long word0) {
        return AmdViCommand.opcodeOf(word0) == AmdViCommand.OP_IOMMU_PAGES;
    }

    private static boolean ofDevice(long word0) {
        return AmdViCommand.opcodeOf(word0) == AmdViCommand.OP_IOTLB_PAGES;
    }

    /** What a guest must leave zero. */
    private static long withoutHost(long word0) {
        return ofDevice(word0)
                ? InvalidateIotlbPages.MAXPEND.set(InvalidateIotlbPages.QUEUE_ID.set(word0, 0), 0)
                : InvalidateIommuPages.DOMAIN_ID.set(word0, 0);
    }

    /** The driver knows no queues that functions share, nor how much a device takes: a queue each, of the same length. */
    private static Machine.Words withQueueOfDriver(Machine.Words command) {
        long word0 = command.low();
        return ofDevice(word0)
                ? new Machine.Words(
                        InvalidateIotlbPages.MAXPEND.set(
                                InvalidateIotlbPages.QUEUE_ID.set(word0, InvalidateIotlbPages.DEVICE_ID.get(word0)),
                                0x20),
                        command.high())
                : command;
    }

    /** The commands since the last call with the host domain ids of the document: 12, and in setting V 21 and 22. */
    private static List<Machine.Words> documented(String setting, Machine machine) {
        Stage[] stages = stages(machine);
        return machine.takeCommands().stream()
                .map(words -> withDomain(
                        words, documented(setting, stages, InvalidateIommuPages.DOMAIN_ID.getInt(words.low()))))
                .toList();
    }

    private static Machine.Words withDomain(Machine.Words words, int domain) {
        return ofPages(words.low())
                ? new Machine.Words(InvalidateIommuPages.DOMAIN_ID.set(words.low(), domain), words.high())
                : words;
    }

    private static int documented(String setting, Stage[] stages, int domainId) {
        if (!setting.equals("V")) {
            return 0x12;
        }
        return domainId == stages[0].domainId() ? 0x21 : 0x22;
    }

    private static Stage[] stages(Machine machine) {
        return ((AmdViTranslator) machine.translator()).stages(DOMAIN);
    }

    private static Machine machine(String setting) {
        Map<String, Map<String, Long>> fields = new HashMap<>();
        if (setting.equals("AN")) {
            fields.put("cap", Map.of("NpCache", 1L));
        }
        if (setting.equals("BW")) {
            fields.put("efr", Map.of("PASmax", 19L, "GLXSup", 2L));
        }
        int subVersion = setting.equals("V") ? AmdViGeneration.NESTED : AmdViGeneration.V3;
        Machine machine = Machine.of(new HardwareConfig(subVersion, fields, Map.of(), CacheConfig.DEFAULT, Map.of()));
        machine.open(DOMAIN);
        switch (setting) {
            case "V" -> {
                bindNested(machine, DEVICE, 5, GCR3, true, true);
                bindNested(machine, SECOND_DEVICE, 6, GCR3 + 0x1000, true, false);
            }
            case "C" -> {
                bindBelow(machine, DEVICE, false, true);
                assertEquals(Errno.OK, machine.bindPasidTable(DOMAIN, DEVICE, GCR3, 1, true, 0, 0));
                stages(machine)[0].pasids(new int[] {0x345}, false);
            }
            case "B2" -> {
                // Devices of one domain share what the guest's own table has.
                for (int device : new int[] {DEVICE, SECOND_DEVICE}) {
                    bindBelow(machine, device, false, true);
                    assertEquals(Errno.OK, machine.bindPasidTable(DOMAIN, device, GCR3, 1, false, 0, 0));
                }
                stages(machine)[0].pasids(new int[] {0x345}, false);
            }
            default -> bindDevices(machine, setting);
        }
        return machine;
    }

    private static void bindDevices(Machine machine, String setting) {
        boolean host = setting.startsWith("A");
        bindBelow(machine, DEVICE, host, !setting.endsWith("0"));
        if (setting.equals("A2")) {
            bindBelow(machine, SECOND_DEVICE, true, true);
            bindBelow(machine, THIRD_DEVICE, true, false);
        }
        int[] pasids = switch (setting) {
            case "B", "BC" -> new int[] {0x345, 0x346};
            case "B0" -> new int[] {0x345};
            case "BW" -> new int[] {0xabcde};
            default -> NONE;
        };
        for (int pasid : pasids) {
            assertEquals(Errno.OK, machine.bindPasid(DOMAIN, DEVICE, pasid, 0x3000, 0));
        }
    }

    private static void bindBelow(Machine machine, int device, boolean table, boolean deviceTlb) {
        machine.attach(DOMAIN, device);
        assertEquals(Errno.OK, machine.bindTable(DOMAIN, device, table ? TABLE : 0, table ? 4 : 0, deviceTlb));
    }

    /** The document knows which PASIDs the guest has bound in its own table; the driver could not. */
    private static void bindNested(
            Machine machine, int device, int guestDomain, long gcr3, boolean giov, boolean deviceTlb, int... pasids) {
        machine.attach(DOMAIN, device);
        int flags = deviceTlb ? (int) BindPgtable.FLAG_DEVICE_TLB.mask() : 0;
        assertEquals(Errno.OK, machine.bindTable(DOMAIN, device, TABLE, 4, guestDomain, flags));
        assertEquals(Errno.OK, machine.bindPasidTable(DOMAIN, device, gcr3, 1, giov, guestDomain, 0));
        Stage[] stages = stages(machine);
        stages[stages.length - 1].pasids(pasids, false);
    }

    /** The commands of a sequence of the host, but for the wait. */
    private static List<Machine.Words> sequence(String id) {
        List<Machine.Words> commands = new ArrayList<>();
        for (List<String> cells : SpecVectors.rows(id + ".")) {
            if (!cells.get(2).startsWith("COMPLETION_WAIT")) {
                String[] words = cells.get(3).replace("`", "").split(" ", -1);
                commands.add(new Machine.Words(hex(words[0]), hex(words[1])));
            }
        }
        return commands;
    }

    @Test
    void shouldDropTheOldDomainWhenADeviceGetsAnotherTable() {
        Machine machine = machine("A");
        machine.takeCommands();
        assertEquals(Errno.OK, machine.bindTable(DOMAIN, DEVICE, TABLE + 0x1000, 4, true));
        assertEquals(sequence("HS1"), documented("A", machine));
    }

    @Test
    void shouldDropAPasidWhenItsEntryChanges() {
        Machine machine = machine("B");
        machine.takeCommands();
        assertEquals(Errno.OK, machine.bindPasid(DOMAIN, DEVICE, 0x345, 0x3000, Uapi.BIND_FLAG_UNBIND));
        assertEquals(sequence("HS3"), documented("B", machine));
        assertEquals(Errno.OK, machine.bindPasid(DOMAIN, DEVICE, 0x345, 0x3000, 0));
        assertEquals(sequence("HS3"), documented("B", machine));
    }

    /** HS4, docs/spec/amd-vi.md 1.2: once for the domain without guest tables and once for each domain of the guest. */
    @Test
    void shouldInvalidateOnceForEachHostDomainWhenTheHostTableChanges() {
        Machine machine = Machine.of(AmdViGeneration.NESTED);
        machine.open(DOMAIN);
        bindBelow(machine, THIRD_DEVICE, true, false);
        bindNested(machine, DEVICE, 5, GCR3, false, true, 0x345);
        bindNested(machine, SECOND_DEVICE, 6, GCR3 + 0x1000, false, false);
        Stage[] stages = stages(machine);
        assertEquals(3, stages.length);
        machine.takeCommands();
        assertEquals(Errno.OK, machine.invalidate(DOMAIN, Uapi.SCOPE_VADDR, Uapi.FLAGS_NO_PASID, 0x1234_5000L, 0x1000));
        Map<Integer, Integer> ids =
                Map.of(stages[0].domainId(), 0x12, stages[1].domainId(), 0x21, stages[2].domainId(), 0x22);
        List<Machine.Words> commands = machine.takeCommands().stream()
                .map(words ->
                        withDomain(words, ids.getOrDefault(InvalidateIommuPages.DOMAIN_ID.getInt(words.low()), 0)))
                .toList();
        assertEquals(sequence("HS4"), commands);
    }
}
