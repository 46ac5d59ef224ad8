package org.iommu4j.arm.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.GZIPInputStream;
import org.iommu4j.arm.Machine;
import org.iommu4j.arm.command.SmmuGeneration;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.DmaAccess.Outcome;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.iommu4j.testing.GeneratedDocs;
import org.iommu4j.testing.GuestHost;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Kernels that were captured on an emulated SMMU: every translation, and every mapping of the image, comes out the same. */
class CapturedGuestTest {
    private static final int COMMAND_BYTES = 16;
    private static final int PAGE_BYTES = 4096;
    private static final Pattern TEXT = Pattern.compile("\"(\\w+)\": ?\"([^\"]*)\"");
    private static final Pattern NUMBER = Pattern.compile("\"(\\w+)\": ?(-?\\d+)");
    private static final Pattern WORD = Pattern.compile("\"(0x[0-9a-f]+)\"");

    private static Path run(String name) {
        return GeneratedDocs.root().resolve("traces").resolve("smmuv3").resolve(name);
    }

    private static String registers(Path run) {
        try {
            return Files.readString(run.resolve("frozen").resolve("regs.json"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void lines(Path file, Consumer<String> sink) {
        try (BufferedReader reader = new BufferedReader(
                new InputStreamReader(new GZIPInputStream(Files.newInputStream(file)), StandardCharsets.UTF_8))) {
            reader.lines().forEach(sink);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String text(String record, String key) {
        Matcher matcher = TEXT.matcher(record);
        while (matcher.find()) {
            if (matcher.group(1).equals(key)) {
                return matcher.group(2);
            }
        }
        return null;
    }

    private static long number(String record, String key) {
        String text = text(record, key);
        if (text != null) {
            return HexFormat.fromHexDigitsToLong(text.substring(2));
        }
        Matcher matcher = NUMBER.matcher(record);
        while (matcher.find()) {
            if (matcher.group(1).equals(key)) {
                return Long.parseLong(matcher.group(2));
            }
        }
        return 0;
    }

    @ParameterizedTest
    @CsvSource({
        "lazy-virtio, NONE, OFF, 10218",
        "lazy-virtio, TINY, OFF, 10218",
        "lazy-virtio, DEFAULT, OFF, 10218",
        "lazy-virtio, WORST_CASE, CAPTURE, 10218",
        "strict-nvme-e1000e, NONE, OFF, 5579",
        "strict-nvme-e1000e, TINY, OFF, 5579",
        "strict-nvme-e1000e, DEFAULT, OFF, 5579",
        "strict-nvme-e1000e, WORST_CASE, CAPTURE, 5579",
        "strict-virtio-unbind, NONE, OFF, 9649",
        "strict-virtio-unbind, TINY, OFF, 9649",
        "strict-virtio-unbind, DEFAULT, OFF, 9649",
        "strict-virtio-unbind, WORST_CASE, CAPTURE, 9649"
    })
    void shouldTranslateAsTheCapturedMachineDid(
            String name, CacheConfig cache, Sanitizer.Mode sanitizer, int translations) {
        Guest guest = new Guest(run(name), cache, sanitizer);
        lines(run(name).resolve("timeline.jsonl.gz"), guest::play);
        assertEquals(translations, guest.translations);
        assertEquals(guest.commands, guest.chip.counters().commands());
        assertEquals(0, guest.chip.readRegister(SmmuUnit.GERROR, 4));
        if (sanitizer == Sanitizer.Mode.CAPTURE) {
            assertTrue(
                    guest.platform.sanitizer().report().findings().stream()
                            .noneMatch(finding -> finding.kind().name().equals("STALE_AFTER_COMPLETION")),
                    () -> guest.platform.sanitizer().report().findings().toString());
        }
    }

    @ParameterizedTest
    @CsvSource({"lazy-virtio, 10217", "strict-nvme-e1000e, 5579", "strict-virtio-unbind, 9648"})
    void shouldTranslateTheSameThroughTheContract(String name, int translations) {
        // The guest's own SMMU has ranges though it is a 3.1; so has the host's.
        Machine host = Machine.of(new HardwareConfig(
                SmmuGeneration.V3_1, Map.of("idr", Map.of("RIL", 1L)), Map.of(), CacheConfig.WORST_CASE, Map.of()));
        GuestHost containers = new GuestHost(host);
        GuestDecoder guest = host.backend().createGuestDecoder(config(run(name), CacheConfig.NONE), host.memory());
        int[] translated = new int[1];
        lines(run(name).resolve("timeline.jsonl.gz"), record -> {
            switch (text(record, "k")) {
                case "w" ->
                    guest.writeRegister(
                            number(record, "off"), (int) number(record, "size"), number(record, "val"), containers);
                case "cmd" -> guest.command(HexFormat.of().parseHex(text(record, "hex")), containers);
                case "mem" -> words(record, host.memory());
                case "xlate" -> {
                    if (text(record, "fault") == null) {
                        guest.deviceAccess((int) number(record, "dev"), containers);
                        translated[0]++;
                        boolean writes = number(record, "access") == 2;
                        DmaAccess access = new DmaAccess()
                                .begin(
                                        (int) number(record, "dev"),
                                        number(record, "iova"),
                                        writes ? DmaAccess.WRITE : DmaAccess.READ);
                        host.chip().translate(access);
                        assertEquals(Outcome.TRANSLATED, access.outcome(), record);
                        assertEquals(number(record, "pa"), access.spa(), record);
                    }
                }
                default -> {
                    // Reads of registers change nothing.
                }
            }
        });
        assertEquals(translations, translated[0]);
        assertTrue(
                containers.take().stream().noneMatch(line -> line.startsWith("refused") || line.startsWith("failed")));
        assertEquals(0, guest.readRegister(SmmuUnit.GERROR, 4));
        GuestDecoder restored = host.backend().restoreGuestDecoder(guest.save(), host.memory());
        assertEquals(guest.save(), restored.save());
    }

    @ParameterizedTest
    @CsvSource({"NONE", "TINY", "DEFAULT", "WORST_CASE"})
    void shouldCarryOutEveryCommandOfAGuestWithStage2ThroughTheContract(CacheConfig cache) {
        Path run = run("stage2-strict-nvme-virtionet");
        Machine host = Machine.of(
                new HardwareConfig(SmmuGeneration.V3_1, Map.of("idr", Map.of("RIL", 1L)), Map.of(), cache, Map.of()));
        GuestHost containers = new GuestHost(host);
        GuestDecoder guest = host.backend().createGuestDecoder(config(run, CacheConfig.NONE), host.memory());
        // The run has no reads of tables: they are as the stopped machine had them.
        image(run, host.memory());
        // Of commands after that only the names are known.
        long stopped = number(registers(run), "freeze_t");
        int[] commands = new int[1];
        lines(run.resolve("timeline.jsonl.gz"), record -> {
            String kind = text(record, "k");
            if (number(record, "t") >= stopped) {
                return;
            }
            if (kind.equals("w")) {
                guest.writeRegister(
                        number(record, "off"), (int) number(record, "size"), number(record, "val"), containers);
            } else if (kind.equals("cmd")) {
                guest.command(HexFormat.of().parseHex(text(record, "hex")), containers);
                commands[0]++;
            }
        });
        assertEquals(300, commands[0]);
        shouldWalk(run, host, guest, containers);
        List<String> log = containers.take();
        assertEquals(
                List.of(),
                log.stream()
                        .filter(line -> line.startsWith("refused") || line.startsWith("failed"))
                        .toList());
        assertTrue(
                log.stream().filter(line -> line.startsWith("invalidate")).allMatch(line -> line.endsWith("OK EXACT")));
        assertTrue(log.stream().filter(line -> line.startsWith("invalidate")).count() >= 141);
        assertEquals(0, guest.readRegister(SmmuUnit.GERROR, 4));
        GuestDecoder restored = host.backend().restoreGuestDecoder(guest.save(), host.memory());
        assertEquals(guest.save(), restored.save());
    }

    private static void shouldWalk(Path run, Machine host, GuestDecoder guest, GuestHost containers) {
        int[] checked = new int[1];
        lines(run.resolve("frozen").resolve("walks.jsonl.gz"), walk -> {
            int device = (int) number(walk, "dev");
            guest.deviceAccess(device, containers);
            int rights = (number(walk, "perm") & 1) != 0 ? DmaAccess.READ : DmaAccess.WRITE;
            DmaAccess access = new DmaAccess().begin(device, number(walk, "iova"), rights);
            host.chip().translate(access);
            if (text(walk, "iova") != null) {
                checked[0]++;
                assertEquals(Outcome.TRANSLATED, access.outcome(), walk);
                assertEquals(number(walk, "pa"), access.spa(), walk);
            } else {
                assertNotEquals(Outcome.TRANSLATED, access.outcome(), walk);
            }
        });
        assertTrue(checked[0] > 0);
    }

    private static void image(Path run, PhysicalMemory memory) {
        lines(
                run.resolve("frozen").resolve("pages.jsonl.gz"),
                page -> memory.write(number(page, "pa"), HexFormat.of().parseHex(text(page, "hex")), 0, PAGE_BYTES));
    }

    private static HardwareConfig config(Path run, CacheConfig cache) {
        String registers = registers(run);
        // AIDR says 3.1; IDR3 has more.
        return new HardwareConfig(
                SmmuGeneration.V3_1,
                Map.of(),
                Map.of(
                        "IDR0", number(registers, "IDR0"),
                        "IDR1", number(registers, "IDR1"),
                        "IDR3", number(registers, "IDR3"),
                        "IDR5", number(registers, "IDR5")),
                cache,
                Map.of());
    }

    private static void words(String record, PhysicalMemory memory) {
        long at = number(record, "addr");
        Matcher word = WORD.matcher(record.substring(record.indexOf("\"q\"")));
        while (word.find()) {
            memory.writeLongLe(at, HexFormat.fromHexDigitsToLong(word.group(1).substring(2)));
            at += Long.BYTES;
        }
    }

    @ParameterizedTest
    @CsvSource({
        "lazy-virtio, 635",
        "strict-nvme-e1000e, 540",
        "strict-virtio-unbind, 578",
        "stage2-strict-nvme-virtionet, 668"
    })
    void shouldWalkTheImageOfTheStoppedMachine(String name, int walks) {
        Path frozen = run(name).resolve("frozen");
        Guest guest = new Guest(run(name), CacheConfig.WORST_CASE, Sanitizer.Mode.OFF);
        image(run(name), guest.platform.memory());
        String registers = registers(run(name));
        guest.chip.writeRegister(SmmuUnit.STRTAB_BASE, 8, number(registers, "STRTAB_BASE"));
        guest.chip.writeRegister(SmmuUnit.STRTAB_BASE_CFG, 4, number(registers, "STRTAB_BASE_CFG"));
        guest.chip.writeRegister(SmmuUnit.CR0, 4, number(registers, "CR0"));
        int[] checked = new int[1];
        lines(frozen.resolve("walks.jsonl.gz"), walk -> {
            checked[0]++;
            DmaAccess access = guest.dma(walk, (number(walk, "perm") & 1) != 0 ? DmaAccess.READ : DmaAccess.WRITE);
            if (text(walk, "iova") == null) {
                assertNotEquals(Outcome.TRANSLATED, access.outcome(), walk);
            } else {
                assertEquals(Outcome.TRANSLATED, access.outcome(), walk);
                assertEquals(number(walk, "pa"), access.spa(), walk);
            }
        });
        assertEquals(walks, checked[0]);
    }

    /** A captured guest's machine. */
    private static final class Guest {
        private final SimulatedPlatform platform;
        private final SimulatedSmmu chip;
        private long ring;
        private int translations;
        private int commands;

        private Guest(Path run, CacheConfig cache, Sanitizer.Mode sanitizer) {
            platform = new SimulatedPlatform(new PlatformConfig(
                    48, List.of(), (address, data) -> {}, (requester, pasid, iova, length) -> true, sanitizer));
            chip = SimulatedSmmu.create(config(run, cache), platform);
        }

        private void play(String record) {
            switch (text(record, "k")) {
                case "w" -> {
                    long offset = number(record, "off");
                    long value = number(record, "val");
                    chip.writeRegister(offset, (int) number(record, "size"), value);
                    ring = offset == SmmuUnit.CMDQ_BASE ? value & 0xFFFFFFFFFFFE0L : ring;
                }
                case "cmd" -> {
                    byte[] command = HexFormat.of().parseHex(text(record, "hex"));
                    platform.memory().write(ring + number(record, "idx") * COMMAND_BYTES, command, 0, command.length);
                    commands++;
                }
                case "mem" -> words(record, platform.memory());
                case "xlate" -> {
                    translations++;
                    DmaAccess access = dma(record, number(record, "access") == 2 ? DmaAccess.WRITE : DmaAccess.READ);
                    if (text(record, "fault") == null) {
                        assertEquals(Outcome.TRANSLATED, access.outcome(), record);
                        assertEquals(number(record, "pa"), access.spa(), record);
                    }
                }
                default -> {
                    // Reads of registers change nothing.
                }
            }
        }

        private DmaAccess dma(String record, int rights) {
            DmaAccess access = new DmaAccess().begin((int) number(record, "dev"), number(record, "iova"), rights);
            chip.translate(access);
            return access;
        }
    }
}
