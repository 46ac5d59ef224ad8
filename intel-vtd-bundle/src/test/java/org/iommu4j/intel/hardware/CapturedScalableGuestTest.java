package org.iommu4j.intel.hardware;

import static org.junit.jupiter.api.Assertions.assertEquals;
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
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.DmaAccess.Outcome;
import org.iommu4j.backend.Finding;
import org.iommu4j.backend.GuestDecoder;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.PlatformConfig;
import org.iommu4j.backend.Sanitizer;
import org.iommu4j.intel.Machine;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.intel.command.VtdRegisters.Ecap;
import org.iommu4j.simulation.platform.SimulatedPlatform;
import org.iommu4j.testing.GeneratedDocs;
import org.iommu4j.testing.GuestHost;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Kernels that were captured in scalable mode: every translation, and every mapping of the image, comes out the same. */
class CapturedScalableGuestTest {
    private static final int PAGE_BYTES = 4096;
    private static final int IQA = 0x90;
    private static final long IQA_BASE = -4096L;
    private static final Pattern TEXT = Pattern.compile("\"(\\w+)\": ?\"([^\"]*)\"");
    private static final Pattern NUMBER = Pattern.compile("\"(\\w+)\": ?(-?\\d+)");
    private static final Pattern WORD = Pattern.compile("\"(0x[0-9a-f]+)\"");

    private static Path run(String name) {
        return GeneratedDocs.root().resolve("traces").resolve("vtd").resolve(name);
    }

    private static String registers(String name) {
        try {
            return Files.readString(run(name).resolve("frozen").resolve("regs.json"));
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
    @CsvSource({"NONE, OFF", "TINY, OFF", "DEFAULT, OFF", "WORST_CASE, CAPTURE"})
    void shouldTranslateAsTheCapturedMachineDid(CacheConfig cache, Sanitizer.Mode sanitizer) {
        String name = "scalable-strict-nvme-e1000e";
        Guest guest = new Guest(name, cache, sanitizer);
        lines(run(name).resolve("timeline.jsonl.gz"), guest::play);
        assertEquals(5981, guest.translations);
        assertEquals(2632, guest.chip.counters().commands());
        assertEquals(0, guest.chip.readRegister(VtdUnit.FSTS, 4));
        if (sanitizer == Sanitizer.Mode.CAPTURE) {
            List<Finding> findings = guest.platform.sanitizer().report().findings();
            assertTrue(
                    findings.stream().noneMatch(finding -> finding.kind() == Finding.Kind.STALE_AFTER_COMPLETION),
                    findings::toString);
        }
    }

    @Test
    void shouldTranslateTheSameThroughTheContract() {
        String name = "scalable-strict-nvme-e1000e";
        String registers = registers(name);
        Machine host = Machine.of(VtdGeneration.LEGACY_QI);
        GuestHost containers = new GuestHost(host);
        // The payload of requests is that of the host's generation; the guest's tables are those of its capabilities.
        HardwareConfig seen = new HardwareConfig(
                VtdGeneration.LEGACY_QI,
                Map.of(),
                Map.of(
                        "VER", number(registers, "VER"),
                        "CAP", number(registers, "CAP"),
                        "ECAP", number(registers, "ECAP")),
                CacheConfig.NONE,
                Map.of());
        GuestDecoder guest = host.backend().createGuestDecoder(seen, host.memory());
        int[] translated = new int[1];
        lines(run(name).resolve("timeline.jsonl.gz"), record -> {
            switch (text(record, "k")) {
                case "w" ->
                    guest.writeRegister(
                            number(record, "off"), (int) number(record, "size"), number(record, "val"), containers);
                case "cmd" -> guest.command(HexFormat.of().parseHex(text(record, "hex")), containers);
                case "mem" -> Guest.words(record, host.memory());
                case "xlate" -> {
                    int requester = (int) number(record, "dev");
                    guest.deviceAccess(requester, containers);
                    int rights = number(record, "access") == 2 ? DmaAccess.WRITE : DmaAccess.READ;
                    DmaAccess access = host.dma(requester, number(record, "iova"), rights);
                    assertEquals(Outcome.TRANSLATED, access.outcome(), record);
                    assertEquals(number(record, "pa"), access.spa() & -PAGE_BYTES, record);
                    translated[0]++;
                }
                default -> {
                    // Reads of registers, and entries of interrupts, change nothing.
                }
            }
        });
        assertEquals(5981, translated[0]);
        assertTrue(
                containers.take().stream().noneMatch(line -> line.startsWith("refused") || line.startsWith("failed")));
        GuestDecoder restored = host.backend().restoreGuestDecoder(guest.save(), host.memory());
        assertEquals(guest.save(), restored.save());
    }

    @ParameterizedTest
    @CsvSource({"scalable-strict-nvme-e1000e, 12572", "firststage-strict-nvme-virtionet, 12700"})
    void shouldWalkTheImageOfTheStoppedMachine(String name, int walks) {
        Guest guest = new Guest(name, CacheConfig.WORST_CASE, Sanitizer.Mode.OFF);
        Path frozen = run(name).resolve("frozen");
        lines(
                frozen.resolve("pages.jsonl.gz"),
                page -> guest.platform
                        .memory()
                        .write(number(page, "pa"), HexFormat.of().parseHex(text(page, "hex")), 0, PAGE_BYTES));
        guest.chip.writeRegister(VtdUnit.RTADDR, 8, number(registers(name), "RTADDR"));
        guest.chip.writeRegister(VtdUnit.GCMD, 4, VtdUnit.SRTP);
        guest.chip.writeRegister(VtdUnit.GCMD, 4, VtdUnit.TE);
        int[] checked = new int[1];
        lines(frozen.resolve("walks.jsonl.gz"), walk -> {
            checked[0]++;
            DmaAccess access = guest.dma(walk, (number(walk, "perm") & 1) != 0 ? DmaAccess.READ : DmaAccess.WRITE);
            assertEquals(Outcome.TRANSLATED, access.outcome(), () -> Integer.toHexString(access.faultCode()) + walk);
            assertEquals(number(walk, "pa"), access.spa(), walk);
        });
        assertEquals(walks, checked[0]);
    }

    /** A captured guest's machine. */
    private static final class Guest {
        private final SimulatedPlatform platform;
        private final SimulatedVtd chip;
        private long ring;
        private int translations;

        private Guest(String name, CacheConfig cache, Sanitizer.Mode sanitizer) {
            platform = new SimulatedPlatform(new PlatformConfig(
                    39, List.of(), (address, data) -> {}, (requester, pasid, iova, length) -> true, sanitizer));
            String registers = registers(name);
            // The kernel says a second-stage width in entries of the first stage too, which is reserved in a unit that
            // has no
            // second stage; the captured machine, which has none, does not look.
            long secondStage = name.startsWith("firststage") ? Ecap.SSTS.mask() : 0;
            chip = SimulatedVtd.create(
                    new HardwareConfig(
                            VtdGeneration.SCALABLE,
                            Map.of(),
                            Map.of(
                                    "VER", number(registers, "VER"),
                                    "CAP", number(registers, "CAP"),
                                    "ECAP", number(registers, "ECAP") | secondStage),
                            cache,
                            Map.of()),
                    platform);
            chip.stepping(true);
        }

        private void play(String record) {
            switch (text(record, "k")) {
                case "w" -> {
                    long offset = number(record, "off");
                    long value = number(record, "val");
                    chip.writeRegister(offset, (int) number(record, "size"), value);
                    ring = offset == IQA ? value & IQA_BASE : ring;
                }
                case "cmd" -> {
                    // A command is recorded when it is fetched, after the write of the tail.
                    byte[] command = HexFormat.of().parseHex(text(record, "hex"));
                    platform.memory().write(ring + number(record, "idx") * command.length, command, 0, command.length);
                    assertEquals(1, chip.step(1), record);
                }
                case "mem" -> words(record, platform.memory());
                case "xlate" -> {
                    translations++;
                    DmaAccess access = dma(record, number(record, "access") == 2 ? DmaAccess.WRITE : DmaAccess.READ);
                    assertEquals(Outcome.TRANSLATED, access.outcome(), record);
                    assertEquals(number(record, "pa"), access.spa() & -PAGE_BYTES, record);
                }
                default -> {
                    // Reads of registers, and entries of interrupts, change nothing.
                }
            }
        }

        private static void words(String record, PhysicalMemory memory) {
            long at = number(record, "addr");
            Matcher word = WORD.matcher(record.substring(record.indexOf("\"q\"")));
            while (word.find()) {
                memory.writeLongLe(
                        at, HexFormat.fromHexDigitsToLong(word.group(1).substring(2)));
                at += Long.BYTES;
            }
        }

        private DmaAccess dma(String record, int rights) {
            DmaAccess access = new DmaAccess().begin((int) number(record, "dev"), number(record, "iova"), rights);
            chip.translate(access);
            return access;
        }
    }
}
