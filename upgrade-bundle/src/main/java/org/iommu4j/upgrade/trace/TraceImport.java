package org.iommu4j.upgrade.trace;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.iommu4j.backend.CacheConfig;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.capture.CaptureFormat;
import org.iommu4j.backend.capture.RegisterRecords;
import org.iommu4j.backend.capture.TraceFormat;
import org.iommu4j.core.service.IommuService;
import org.iommu4j.core.service.Progress;
import org.iommu4j.layout.Register;
import org.iommu4j.upgrade.CaptureException;
import org.iommu4j.upgrade.ImportOptions;
import org.iommu4j.upgrade.ImportResult;
import org.iommu4j.upgrade.ImportService;
import org.iommu4j.upgrade.ReplayRefusedException;
import org.iommu4j.upgrade.capture.Capture;
import org.iommu4j.upgrade.capture.CaptureRecord;
import org.iommu4j.upgrade.capture.CaptureScan;
import org.iommu4j.upgrade.capture.FrozenImage;
import org.iommu4j.upgrade.capture.GuestRegisters;
import org.iommu4j.upgrade.replay.Replay;
import org.iommu4j.upgrade.replay.StoppedMachine;

/**
 * Makes captures of traces. A trace is read twice: once to see which command stands last in each slot of the ring, then to write the
 * records; neither keeps it in memory. The folder has its name when all of it is there.
 */
public final class TraceImport implements ImportService {
    /** Names in the message of a refusal. */
    private static final int SHOWN_NAMES = 3;

    private static final int MOST_NAME = 32;

    private final IommuService service;

    /** An import by the formats of a core's bundles. */
    public TraceImport(IommuService service) {
        this.service = service;
    }

    @Override
    public ImportResult make(Path trace, Path directory, ImportOptions options) {
        List<CaptureFormat> formats = service.captureFormats().stream()
                .filter(format -> !format.trace().events().isEmpty())
                .filter(format -> options.model() == null || format.model() == options.model())
                .toList();
        if (formats.isEmpty()) {
            throw new ReplayRefusedException("no installed bundle "
                    + (options.model() == null
                            ? ""
                            : "of model " + options.model().label() + " ")
                    + "says what events of an emulator's trace mean");
        }
        expectRoom(directory);
        TraceSurvey survey = new TraceSurvey();
        CaptureFormat format = surveyed(trace, options, formats, survey);
        Path beside = beside(directory);
        try {
            ImportResult result = write(trace, directory, beside, options, format, survey);
            Files.deleteIfExists(directory);
            Files.move(beside, directory);
            return result;
        } catch (IOException e) {
            throw CaptureWriter.unwritable(directory, e);
        } finally {
            delete(beside);
        }
    }

    private static void expectRoom(Path directory) {
        if (!Files.exists(directory)) {
            return;
        }
        try (Stream<Path> files = Files.isDirectory(directory) ? Files.list(directory) : Stream.of(directory)) {
            if (files.findAny().isPresent()) {
                throw new CaptureException(directory.toString(), 0, 0, "", "is there already, and not empty");
            }
        } catch (IOException e) {
            throw CaptureWriter.unwritable(directory, e);
        }
    }

    private static Path beside(Path directory) {
        try {
            Path absolute = directory.toAbsolutePath().normalize();
            String name =
                    absolute.getFileName() == null ? "" : absolute.getFileName().toString();
            Path beside = absolute.resolveSibling(
                    "." + name.substring(0, Math.min(name.length(), MOST_NAME)) + "." + UUID.randomUUID() + ".tmp");
            Files.createDirectories(beside.resolve("frozen"));
            return beside;
        } catch (IOException e) {
            throw CaptureWriter.unwritable(directory, e);
        }
    }

    private static void delete(Path directory) {
        if (!Files.exists(directory)) {
            return;
        }
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw CaptureWriter.unwritable(directory, e);
        }
    }

    /** Reads the trace for the first time; the format most of whose events are in it. */
    private static CaptureFormat surveyed(
            Path trace, ImportOptions options, List<CaptureFormat> formats, TraceSurvey survey) {
        CaptureFormat best = formats.get(0);
        if (formats.size() > 1) {
            long most = -1;
            for (CaptureFormat format : formats) {
                TraceReader reader = new TraceReader(format, new TraceSurvey());
                reader.read(trace, options.stopLine());
                if (reader.understood() > most) {
                    most = reader.understood();
                    best = format;
                }
            }
        }
        TraceReader reader = new TraceReader(best, survey);
        reader.read(trace, options.stopLine());
        if (reader.understood() == 0) {
            throw new CaptureException(
                    trace.toString(),
                    0,
                    0,
                    "",
                    "holds no event of "
                            + formats.stream()
                                    .flatMap(format -> format.trace().prefixes().stream())
                                    .map(prefix -> prefix + "*")
                                    .collect(Collectors.joining(", "))
                            + " in " + reader.lines() + " lines"
                            + notUnderstood(reader)
                            + "; what is read are lines of the backend \"log\": -trace EVENTS -D FILE");
        }
        return best;
    }

    /** Text that looks like its events and is none that can be read, as in the text that other tools make of a binary trace. */
    private static String notUnderstood(TraceReader reader) {
        String names = reader.passedOver().keySet().stream()
                .filter(what -> !what.startsWith("("))
                .limit(SHOWN_NAMES)
                .collect(Collectors.joining(", "));
        return names.isEmpty() ? "" : " that can be read; passed over: " + names;
    }

    private ImportResult write(
            Path trace, Path directory, Path to, ImportOptions options, CaptureFormat format, TraceSurvey survey) {
        try (MemoryImage image = options.memory() == null ? null : new MemoryImage(options.memory(), options.base())) {
            Map<String, Long> counts;
            TraceConverter converter;
            TraceReader reader;
            try (CaptureWriter out = new CaptureWriter(to)) {
                converter = new TraceConverter(format, out, survey, image);
                reader = new TraceReader(format, converter);
                reader.read(trace, options.stopLine());
                counts = out.counts();
            }
            List<String> assumed = new ArrayList<>();
            Map<String, Long> registers = registers(options, format, reader, converter, assumed);
            CaptureWriter.text(to.resolve(FrozenImage.REGISTERS), registersJson(registers, converter.stoppedAt()));
            CaptureWriter.lines(to.resolve(FrozenImage.PAGES), List.of());
            CaptureWriter.lines(to.resolve(FrozenImage.WALKS), List.of());
            CaptureWriter.text(to.resolve(Capture.RUN), "{\"arch\": \"" + format.arch() + "\"}\n");
            long pages = 0;
            long mappings = 0;
            assumed.addAll(converter.assumed());
            if (image == null) {
                assumed.add(
                        "nothing of the guest's tables, since there is no image of its memory: translations are not judged");
            } else if (counts.getOrDefault("xlate", 0L) > 0) {
                ImageTables tables = tables(to, format, converter, image);
                pages = tables.size();
                mappings = tables.walkLines().size();
                CaptureWriter.lines(to.resolve(FrozenImage.PAGES), tables.pageLines());
                CaptureWriter.lines(to.resolve(FrozenImage.WALKS), tables.walkLines());
                assumed.add("the levels above the pages were always what they are in the memory at the stop");
                if (tables.outside() > 0) {
                    assumed.add(tables.outside() + " pages of tables are not in the image; they are taken for empty");
                }
            }
            ImportResult result = new ImportResult(
                    directory.toString(),
                    format.model(),
                    reader.lines(),
                    counts,
                    pages,
                    mappings,
                    assumed,
                    reader.passedOver());
            CaptureWriter.text(
                    to.resolve(Capture.RUN),
                    "{\"arch\": \"" + format.arch() + "\", \"import\": " + result.toJson() + "}\n");
            return result;
        }
    }

    private ImageTables tables(Path to, CaptureFormat format, TraceConverter converter, MemoryImage image) {
        Capture capture = Capture.open(to, List.of(format));
        CaptureScan scan = CaptureScan.of(capture);
        Map<String, HardwareConfig> configs = Replay.configs(service, capture, scan, CacheConfig.NONE);
        String unit = scan.firstUnit();
        try (StoppedMachine machine =
                new StoppedMachine(service, capture, scan, unit, configs.get(unit), new Progress())) {
            ImageTables tables = new ImageTables(image, machine);
            converter.pages().forEach(tables::walk);
            return tables;
        }
    }

    /** The registers at the stop: given, told by other lines, read, written, or assumed. */
    private static Map<String, Long> registers(
            ImportOptions options,
            CaptureFormat format,
            TraceReader reader,
            TraceConverter converter,
            List<String> assumed) {
        Map<String, Long> told = new LinkedHashMap<>(reader.facts());
        if (options.console() != null) {
            TraceReader console = new TraceReader(format, new TraceSurvey());
            console.read(options.console(), -1);
            console.facts().forEach(told::putIfAbsent);
        }
        Map<String, Long> registers = new TreeMap<>();
        GuestRegisters written = new GuestRegisters(format.registers());
        converter
                .written()
                .forEach((offset, write) ->
                        written.write(new CaptureRecord.RegisterWrite(0, offset, write.sizeBytes(), write.value())));
        for (Register register : format.registers().all()) {
            Long value = written.written(register.name());
            if (value != null) {
                registers.put(register.name(), value);
            }
        }
        TraceFormat source = format.trace();
        for (Register register : format.registers().capabilities()) {
            String name = register.name();
            Long value = told.getOrDefault(name, converter.firstReads().get(name));
            if (value == null && options.registers().get(name) == null) {
                value = source.assumed().getOrDefault(name, 0L);
                assumed.add(name + " is 0x" + Long.toHexString(value)
                        + ", as the emulator's default device has it: neither the trace nor a console tells; --register "
                        + name + "=VALUE");
            }
            if (value != null) {
                registers.put(name, value);
            }
        }
        for (RegisterRecords.BringUp step : format.registers().bringUp()) {
            if (step.from() != null) {
                Long value = registers.get(step.register().name());
                if (value == null && !options.registers().containsKey(step.from())) {
                    value = 0L;
                    assumed.add(step.from() + " is 0: the trace begins after the guest has written it; --register "
                            + step.from() + "=VALUE");
                }
                if (value != null) {
                    registers.put(step.from(), value);
                }
            }
        }
        registers.putAll(options.registers());
        return registers;
    }

    private static String registersJson(Map<String, Long> registers, long stoppedAt) {
        StringBuilder json = new StringBuilder("{\n");
        registers.forEach((name, value) -> json.append(" \"")
                .append(name)
                .append("\": \"0x")
                .append(Long.toHexString(value))
                .append("\",\n"));
        return json.append(" \"freeze_t\": ").append(stoppedAt).append("\n}\n").toString();
    }
}
